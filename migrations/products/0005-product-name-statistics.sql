-- Without them the planner takes every name filter for a rare one, also one that matches most products: it would then read and
-- sort all of these for one page. An index has such statistics of its own only if it is not partial.
CREATE STATISTICS products_name_key ON (name_key(folded_name)) FROM products;
