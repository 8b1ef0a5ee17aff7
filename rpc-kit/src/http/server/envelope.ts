import { RpcError } from '../../rpc-error.ts';
import { isRawNumber, rawNumber } from '../../schema/json.ts';
import { callMeta } from '../metadata.ts';
import type { CallMeta } from '../sent-metadata.ts';
import { isRecord } from '../wire-error.ts';
import type { HttpLimits } from './limits.ts';

/** A call of JSON-RPC with an id, each of whose members is of its type. */
export interface OrdinaryCall {
  readonly id: unknown;
  readonly method: string;
  readonly params: unknown;
  readonly meta: unknown;
}

export function isOrdinary(request: unknown, limits: HttpLimits): request is OrdinaryCall {
  return (
    isRecord(request) &&
    request.jsonrpc === '2.0' &&
    typeof request.method === 'string' &&
    isStructured(request.params) &&
    Object.hasOwn(request, 'id') &&
    isId(request.id, limits)
  );
}

/** Params that a call may have: none, by name or by position. */
export function isStructured(params: unknown): boolean {
  return params === undefined || (typeof params === 'object' && params !== null && !isRawNumber(params));
}

export function isCallable(request: unknown, limits: HttpLimits): request is Record<string, unknown> {
  return isRecord(request) && (!Object.hasOwn(request, 'id') || isId(request.id, limits));
}

/** The id to answer under, null for one that is none. */
export function answeredId(request: unknown, limits: HttpLimits): unknown {
  return isRecord(request) && isId(request.id, limits) ? toEchoedId(request.id) : null;
}

function isId(id: unknown, limits: HttpLimits): boolean {
  if (id === null || typeof id === 'number') return true;
  if (typeof id === 'string') return id.length <= limits.idLengthMax;
  if (typeof id === 'bigint') return id.toString().length <= limits.idLengthMax;
  return isRawNumber(id) && id.rawJSON.length <= limits.idLengthMax;
}

/** Ids keep their spelling: a caller that sent 1.0 may match the answer by 1.0. */
export function isCallId(holder: object, key: string): boolean {
  return key === 'id' && Object.hasOwn(holder, 'jsonrpc');
}

/** An id is echoed digit for digit, however long. */
export function toEchoedId(id: unknown): unknown {
  if (typeof id === 'bigint') return rawNumber(id.toString());
  return Object.is(id, -0) ? rawNumber('-0') : id;
}

/** @throws {RpcError} invalid_request */
export function parseMeta(meta: unknown): CallMeta | undefined {
  if (meta === undefined) return undefined;
  const parsed = callMeta.safeParse(meta);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = ['meta', ...(issue?.path ?? [])].join('/');
  throw new RpcError('invalid_request', `Invalid request: ${where}: ${issue?.message}`);
}
