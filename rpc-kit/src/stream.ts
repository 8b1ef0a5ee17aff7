import * as z from 'zod';
import type { MethodContract } from './contract.ts';

/** The result of a method that answers with items, one after another, until it has no more. */
export interface StreamOf<Item extends z.ZodType = z.ZodType> {
  readonly item: Item;
  /** The member of an item that names its place in the stream: a whole number or a text. */
  readonly id?: string | undefined;
  /** The optional param by which a caller that has the item of this id asks for those behind it. */
  readonly resume?: string | undefined;
}

/**
 * Declares that a method answers with a stream of items: `result: stream(change, { id: 'seq', resume: 'afterSeq' })`. Its handler is
 * an async generator, and its client an async iterator. The method's `timeoutMs` bounds the whole stream.
 */
export function stream<const Item extends z.ZodType>(
  item: Item,
  places: Pick<StreamOf, 'id' | 'resume'> = {},
): StreamOf<Item> {
  return { item, ...places };
}

/** The stream that the method answers with, if it does. */
export function streamOf({ result }: Pick<MethodContract, 'result'>): StreamOf | undefined {
  return 'item' in result ? result : undefined;
}

/** The schema of the result; of a stream, that of one item. */
export function resultSchemaOf({ result }: Pick<MethodContract, 'result'>): z.ZodType {
  return 'item' in result ? result.item : result;
}

const ID_TYPES: readonly unknown[] = ['integer', 'string'];

/** What TypeScript cannot check about a stream. */
export function mistakeInStream({ result, params }: Pick<MethodContract, 'result' | 'params'>): string | undefined {
  const { item, id, resume } = streamOf({ result }) ?? {};
  if (id !== undefined) {
    const { $ref, $defs, ...own } = z.toJSONSchema(item as z.ZodType, { io: 'input', unrepresentable: 'any' });
    // zod makes a definition of an item that has an `id` in its metadata.
    const { properties = {}, required = [] } = $defs?.[$ref?.slice('#/$defs/'.length) ?? ''] ?? own;
    const isId = required.includes(id) && ID_TYPES.includes((properties[id] as { type?: unknown }).type);
    if (!isId)
      return `the id "${id}" of its stream is no required member of the items that is a whole number or a text`;
  }
  if (resume === undefined) return undefined;
  if (id === undefined) return 'its stream can only be resumed by the id of an item: declare both, id and resume';
  if (params.shape[resume]?._zod.optin === 'optional') return undefined;
  return `its stream is resumed by "${resume}", which is no optional param`;
}
