DROP INDEX orders_of_user_by_status;
DROP INDEX orders_of_user;
