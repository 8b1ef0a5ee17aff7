import { IDEMPOTENCY_KEY_SCHEMA } from '../http/idempotency-key-header.ts';
import { METADATA_HEADERS } from '../http/sent-metadata.ts';
import type { JsonSchema } from './wire-schema.ts';

/**
 * The headers of a call as OpenAPI parameters. A schema excludes only values that the server refuses with 400. Values that the server
 * replaces or ignores are described in words, so that tools do not expect a refusal.
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
    'Names the intended effect, so that sending it twice has it once: UTF-8, in double quotes or without. Only methods with a param `idempotencyKey` use it, which may not differ.',
    IDEMPOTENCY_KEY_SCHEMA,
  ),
  Traceparent: header(
    METADATA_HEADERS.traceparent,
    'The span of the caller (https://www.w3.org/TR/trace-context/). Another value is ignored, and a new trace begins.',
    { type: 'string' },
  ),
  Tracestate: header(
    METADATA_HEADERS.tracestate,
    'What tracing vendors add to the traceparent. Another value, or one without a traceparent, is ignored.',
    { type: 'string' },
  ),
  Baggage: header(
    METADATA_HEADERS.baggage,
    'Names and values for the services behind this one (https://www.w3.org/TR/baggage/). What is none is ignored.',
    { type: 'string' },
  ),
} as const;

/** The token that proves the calling service to `checkAccess`. */
export const SECURITY_SCHEMES = {
  serviceToken: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description:
      'Proves the calling service: a JWT of the type svc+jwt, for this service as its audience, that is valid for a minute. With `ACCESS=open` the service checks no token.',
  },
} as const;
export const SERVICE_TOKEN_REQUIRED = [{ serviceToken: [] }];

/** References to all of them, for each operation that executes calls. */
export const METADATA_PARAMETER_REFS = Object.keys(METADATA_PARAMETERS).map((name) => ({
  $ref: `#/components/parameters/${name}`,
}));

function header(name: string, description: string, schema: JsonSchema) {
  return { name, in: 'header', required: false, description, schema };
}
