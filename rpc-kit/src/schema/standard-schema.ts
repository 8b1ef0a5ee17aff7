import * as z from 'zod';
import type { JsonSchemaSource, ZodOf } from './json-schema.ts';

/** As much of a Standard Schema (https://standardschema.dev) as a contract needs: schemas of valibot, arktype and others are some. */
export interface StandardSchema<T = unknown> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => StandardResult | Promise<StandardResult>;
    readonly types?: { readonly input: T; readonly output: unknown } | undefined;
    readonly jsonSchema?: { readonly input: (options: { readonly target: 'draft-2020-12' }) => JsonSchemaSource };
  };
}

interface StandardResult {
  readonly issues?: readonly StandardIssue[] | undefined;
}

interface StandardIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/**
 * The schema of a contract from a Standard Schema: `params: standardSchema(v.strictObject({ … }), toJsonSchema(…))`. It checks values and does not
 * change them, because a contract is read in both directions: transforms and defaults have no effect, and the type in code is the
 * input's. Values are those of JSON, so 64-bit integers and Dates need rpc-kit's own types.
 *
 * @param json its JSON Schema, for documents. Default: the schema's own, where it has one
 * @throws {TypeError} for a schema without a JSON Schema that documents can hold
 */
export function standardSchema<T>(schema: StandardSchema<T>, json: object = jsonSchemaOf(schema)): ZodOf<T> {
  const { $schema: _dialect, ...document } = json as JsonSchemaSource;
  if (JSON.stringify(document).includes('"$ref":'))
    throw refusal(schema, 'has a $ref, and documents hold only parts of it');
  const checked = objectOrAny(document).check(checkBy(schema));
  // zod asks a schema for its own form before it makes one, and would add that of the schema before the check.
  checked._zod.toJSONSchema = () => ({ ...document });
  delete checked._zod.parent;
  return checked as unknown as ZodOf<T>;
}

function jsonSchemaOf(schema: StandardSchema): JsonSchemaSource {
  const { jsonSchema } = schema['~standard'];
  if (!jsonSchema)
    throw refusal(schema, 'is missing: pass it as the second argument, for the documents of the contract');
  return jsonSchema.input({ target: 'draft-2020-12' });
}

/** An object has its members, so that it can be the params of a method. They are checked as a whole. */
function objectOrAny({ type, properties, required = [], additionalProperties }: JsonSchemaSource): z.ZodType {
  if (type !== 'object' || properties === undefined) return z.unknown();
  const shape = Object.fromEntries(
    Object.keys(properties as object).map((name) => [
      name,
      (required as readonly string[]).includes(name) ? z.unknown() : z.unknown().optional(),
    ]),
  );
  return additionalProperties === false ? z.strictObject(shape) : z.looseObject(shape);
}

function checkBy(schema: StandardSchema): z.core.CheckFn<unknown> {
  return (payload) => {
    const result = schema['~standard'].validate(payload.value);
    if (result instanceof Promise) throw refusal(schema, 'is checked asynchronously, which no contract can be');
    for (const { message, path = [] } of result.issues ?? []) {
      payload.issues.push({
        code: 'custom',
        message,
        input: payload.value,
        path: Array.from(path, (segment) => (typeof segment === 'object' ? segment.key : segment)),
      });
    }
  };
}

function refusal(schema: StandardSchema, what: string): TypeError {
  return new TypeError(`The JSON Schema of a schema of ${schema['~standard'].vendor} ${what}`);
}
