/** How long the product service takes for one answer. */
export const ANSWER_MS = 50;

/** Skus that all carts are made of. */
export const CATALOGUE_SIZE = 50;
