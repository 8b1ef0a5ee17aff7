import * as z from 'zod';

/** In Node. Bundles for browsers have run-time-schema.ts in its place: see `imports` of package.json. */
export const compileSchema: <T extends z.ZodType>(schema: T) => T = z.compile;
