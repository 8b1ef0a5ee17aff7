import { Ajv2020 } from 'ajv/dist/2020.js';
import { parseJson } from 'rpc-kit';
import type { Exchange } from './exchange.ts';
import type { Schema } from './values.ts';

type Json = Readonly<Record<string, unknown>>;

/** A document as a caller fetches it, with every digit of its numbers, and its schemas as validators. */
export interface FetchedDocument {
  readonly value: Json;
  resolve(ref: string): Schema;
  /** Why the value does not fit the schema in the document; `undefined` when it fits. */
  complaint(schema: Schema, value: unknown): string | undefined;
}

export async function fetchDocument(exchange: Exchange, path: string): Promise<FetchedDocument> {
  const { status, text } = await exchange.send({ verb: 'GET', path });
  if (status !== 200) throw new Error(`GET ${path} answers ${status}: ${text}`);
  // The formats of whole numbers have explicit ranges, and those of texts have patterns.
  const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: false });
  // ajv judges by doubles, so its copy of the document has them too.
  ajv.addSchema(JSON.parse(text), 'document');
  const value = parseJson(text) as Json;
  const compiled = new Map<string, ReturnType<typeof ajv.compile>>();
  return {
    value,
    resolve: (ref) => pointAt(value, ref),
    complaint(schema, given) {
      const key = JSON.stringify(schema, (_name, member) => (typeof member === 'bigint' ? Number(member) : member));
      const validate = compiled.get(key) ?? ajv.compile(JSON.parse(key.replaceAll('"$ref":"#', '"$ref":"document#')));
      compiled.set(key, validate);
      return validate(given) ? undefined : ajv.errorsText(validate.errors);
    },
  };
}

/** The part of the document that a local reference names (RFC 6901). */
function pointAt(document: Json, ref: string): Schema {
  const steps = ref.slice(2).split('/');
  const found = steps.reduce<unknown>((part, step) => (part as Json | undefined)?.[step], document);
  if (found === undefined) throw new Error(`the document has nothing at ${ref}`);
  return found as Schema;
}
