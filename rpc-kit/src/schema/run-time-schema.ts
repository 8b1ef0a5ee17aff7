import type * as z from 'zod';

/**
 * In browsers, a schema is not compiled: zod's compiler is a sixth of the bundle, and it needs `eval`, which many pages forbid. A call takes
 * some microseconds more.
 */
export const compileSchema = <T extends z.ZodType>(schema: T): T => schema;
