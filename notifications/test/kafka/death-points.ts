/** The points at which a consumer is killed, by how it stores its batches. */
export const DEATH_POINTS = [
  'while a whole batch is stored',
  'after a whole batch was stored',
  'before the commit of one by one',
  'after the commit of one by one',
] as const;

export type DeathPoint = (typeof DEATH_POINTS)[number];
