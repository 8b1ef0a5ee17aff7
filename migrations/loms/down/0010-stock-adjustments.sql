DROP TABLE stock_adjustments;
ALTER TABLE stocks DROP COLUMN initial;
