/** Where a consumer can end that takes each batch whole, and one that looks at its messages one by one. */
export const DEATH_POINTS = [
  'while a whole batch is stored',
  'after a whole batch was stored',
  'before the commit of one by one',
  'after the commit of one by one',
] as const;

export type DeathPoint = (typeof DEATH_POINTS)[number];
