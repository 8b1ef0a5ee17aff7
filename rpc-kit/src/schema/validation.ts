import { z } from 'zod';
import type { ErrorContract, MethodContract } from '../contract.ts';
import { RpcError } from '../rpc-error.ts';
import { compiledSchema } from './compiled-schema.ts';
import { isRawNumber } from './json.ts';
import { storableText } from './wire-types.ts';

/** Enough to mend a request by; a body of thousands of mistakes must not become an answer of thousands of lines. */
const ISSUES_MAX = 20;

/** Some of zod's sentences quote what was sent, which may be a megabyte. */
const ISSUE_LENGTH_MAX = 200;

/** The details of every `invalid_params`: where it is wrong (`items/0/count`) and how. */
export const invalidParamsDetails = z.object({
  issues: z.array(z.object({ path: z.string(), message: z.string() })),
});

/** Wire params to the handler's; by position too where the contract gives an order. */
export function decodeParams(method: MethodContract, wire: unknown): unknown {
  const decoded = compiledSchema(method.params).decode(byName(method, wire));
  if (decoded.success) return decoded.data;
  throw invalidParams(decoded.error);
}

function invalidParams(error: z.ZodError): RpcError {
  const issues = error.issues.slice(0, ISSUES_MAX).map((issue) => ({
    path: shortened(issue.path.join('/')),
    message: shortened(issue.message),
  }));
  const [first] = issues;
  const where = first?.path ? `${first.path}: ` : '';
  return new RpcError('invalid_params', `Invalid params: ${where}${first?.message}`, { details: { issues } });
}

function shortened(text: string): string {
  const short = storableText(text, ISSUE_LENGTH_MAX);
  return text.length <= ISSUE_LENGTH_MAX ? short : `${short}…`;
}

function byName(method: MethodContract, wire: unknown): unknown {
  if (wire === undefined) return {};
  // An object to zod; any other number makes it say what was sent.
  if (isRawNumber(wire)) return 0;
  if (!Array.isArray(wire)) return wire;
  // Clients that know only positions say so when there is nothing to say.
  if (wire.length === 0) return {};
  const positions = method.positions;
  if (!positions) throw new RpcError('invalid_params', 'Invalid params: this method takes its params by name');
  if (wire.length > positions.length) {
    throw new RpcError('invalid_params', `Invalid params: at most ${positions.length} by position`);
  }
  return Object.fromEntries(wire.map((value, index) => [positions[index], value]));
}

/** The handler's result to wire form. A result outside its contract is the service's own fault. */
export function encodeResult(method: MethodContract, result: unknown): unknown {
  return encode(method.result, result, 'The result does not fit the contract');
}

/** A client's params to wire form: a mistake is found before anything is sent. */
export function encodeParams(method: MethodContract, params: unknown): unknown {
  const encoded = compiledSchema(method.params).encode(params);
  if (encoded.success) return encoded.data;
  throw invalidParams(encoded.error);
}

/** A peer's result to the client's form. */
export function decodeResult(method: MethodContract, wire: unknown): unknown {
  const decoded = compiledSchema(method.result).decode(wire);
  if (decoded.success) return decoded.data;
  throw new RpcError('internal', 'The answer does not fit the contract', { cause: decoded.error });
}

/**
 * An error as it may leave the service: a declared reason with its details in wire form, or a bare code.
 * A reason that the method does not declare would surprise its callers, so it leaves as `internal`.
 */
export function encodeError(method: MethodContract | undefined, error: RpcError): RpcError {
  if (error.reason === undefined) return error;
  const declared = declaredError(method, error);
  if (!declared) {
    return new RpcError('internal', 'Internal error', {
      cause: new TypeError(`reason "${error.reason}" (${error.code}) is not in the contract`, { cause: error }),
    });
  }
  if (!declared.details) return error;
  const details = encode(declared.details, error.details, `The details of ${error.reason} do not fit the contract`);
  const { code, message, reason, retryAfterMs, cause } = error;
  return new RpcError(code, message, { reason, details, retryAfterMs, cause });
}

/** A peer's error with its details decoded; an unknown reason is dropped and the code kept. */
export function decodeError(method: MethodContract, error: RpcError): RpcError {
  if (error.reason === undefined) return error;
  const declared = declaredError(method, error);
  const details = declared?.details ? compiledSchema(declared.details).decode(error.details) : undefined;
  const { code, message, reason, retryAfterMs, requestId, cause } = error;
  if (!declared || details?.success === false) return new RpcError(code, message, { retryAfterMs, requestId, cause });
  return new RpcError(code, message, { reason, details: details?.data, retryAfterMs, requestId, cause });
}

function declaredError(method: MethodContract | undefined, error: RpcError): ErrorContract | undefined {
  if (error.reason === undefined || !method?.errors || !Object.hasOwn(method.errors, error.reason)) return undefined;
  const declared = method.errors[error.reason];
  return declared?.code === error.code ? declared : undefined;
}

function encode(schema: z.ZodType, value: unknown, complaint: string): unknown {
  const encoded = compiledSchema(schema).encode(value);
  if (encoded.success) return encoded.data;
  throw new RpcError('internal', 'Internal error', { cause: new TypeError(complaint, { cause: encoded.error }) });
}
