import { METADATA_HEADERS } from './http/metadata.ts';
import type { JsonSchema } from './wire-schema.ts';
import { wireSchema } from './wire-schema.ts';
import { idempotencyKey } from './wire-types.ts';

/**
 * The headers of a call as OpenAPI parameters. A schema holds what the server refuses with 400; a value that it replaces or
 * ignores is described in words, so that a tool does not expect a refusal.
 */
export const METADATA_PARAMETERS = {
  RequestId: header(
    METADATA_HEADERS.requestId,
    'Names the request in logs and answers: 1 to 128 letters, digits or `_.:@/+=-`. Another value, or none, is replaced by a new id.',
    { type: 'string' },
  ),
  DeadlineMs: header(
    METADATA_HEADERS.deadlineMs,
    "How many milliseconds the caller still waits. 0 or less has passed already: 504. More than the method's timeout changes nothing.",
    { type: 'integer' },
  ),
  IdempotencyKey: header(
    METADATA_HEADERS.idempotencyKey,
    'Names the intended effect, so that sending it twice has it once. Only methods with a param `idempotencyKey` use it.',
    wireSchema(idempotencyKey),
  ),
  Traceparent: header(
    METADATA_HEADERS.traceparent,
    'The span of the caller (https://www.w3.org/TR/trace-context/). Another value is ignored, and a new trace begins.',
    { type: 'string' },
  ),
} as const;

/** References to all of them, for each operation that carries out calls. */
export const METADATA_PARAMETER_REFS = Object.keys(METADATA_PARAMETERS).map((name) => ({
  $ref: `#/components/parameters/${name}`,
}));

function header(name: string, description: string, schema: JsonSchema) {
  return { name, in: 'header', required: false, description, schema };
}
