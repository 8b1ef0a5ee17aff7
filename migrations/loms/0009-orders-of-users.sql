-- Pages of a user's orders, newest first, of all statuses or of one. Building them blocks writes of orders. A large database can
-- create both beforehand, CONCURRENTLY and by these names: then nothing is left to do here.
CREATE INDEX IF NOT EXISTS orders_of_user ON orders (user_id, order_id);
CREATE INDEX IF NOT EXISTS orders_of_user_by_status ON orders (user_id, status, order_id);
