import * as z from 'zod';
import type { ErrorContract, MethodContract } from '../contract.ts';
import { RpcError } from '../rpc-error.ts';
import { resultSchemaOf } from '../stream.ts';
import { compiledSchema } from './compiled-schema.ts';
import { isRawNumber } from './json.ts';
import { storableText } from './wire-types.ts';

/** Enough to correct a request; a body of thousands of mistakes must not cause an answer of thousands of lines. */
const ISSUES_MAX = 20;

/** Some messages of zod quote the value, which may have a megabyte. */
const ISSUE_LENGTH_MAX = 200;

/** The details of every `invalid_params`: the path of each mistake (`items/0/count`) and a message. */
export const invalidParamsDetails = z.object({
  issues: z.array(z.object({ path: z.string(), message: z.string() })),
});

/** Decodes params, by name or by position. */
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
  // zod would call a raw number an object; 0 makes it report a number.
  if (isRawNumber(wire)) return 0;
  if (!Array.isArray(wire)) return wire;
  // Clients that send params by position only send [] for no params.
  if (wire.length === 0) return {};
  const positions = method.positions;
  if (!positions) throw new RpcError('invalid_params', 'Invalid params: this method takes its params by name');
  if (wire.length > positions.length) {
    throw new RpcError('invalid_params', `Invalid params: at most ${positions.length} by position`);
  }
  return Object.fromEntries(wire.map((value, index) => [positions[index], value]));
}

/** Encodes a handler's result, or one item of a stream. A result outside the contract is an internal error. */
export function encodeResult(method: MethodContract, result: unknown): unknown {
  return encode(resultSchemaOf(method), result, 'The result does not fit the contract');
}

/** Encodes a client's params, so that a mistake is found before anything is sent. */
export function encodeParams(method: MethodContract, params: unknown): unknown {
  const encoded = compiledSchema(method.params).encode(params);
  if (encoded.success) return encoded.data;
  throw invalidParams(encoded.error);
}

/** Decodes a peer's result, or one item of a stream. */
export function decodeResult(method: MethodContract, wire: unknown): unknown {
  const decoded = compiledSchema(resultSchemaOf(method)).decode(wire);
  if (decoded.success) return decoded.data;
  throw new RpcError('internal', 'The answer does not fit the contract', { cause: decoded.error });
}

/**
 * Encodes an error: a declared reason with its details in wire form, or a code without a reason. An undeclared reason becomes
 * `internal`, because callers cannot handle it.
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

/** Decodes the details of a peer's error. An undeclared reason is dropped and the code kept. */
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
