DROP TABLE reservations;
DROP TABLE stocks;
