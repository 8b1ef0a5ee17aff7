import * as z from 'zod';

/**
 * Names for schemas that several messages of a contract share: `z.enum([…]).register(typeNames, { name: 'OrderStatus' })`. The .proto
 * file then declares one type of that name; a schema without a name becomes a type inside each message that uses it.
 */
export const typeNames = z.registry<{ readonly name: string }>();
