/**
 * For clients in browsers, workers and wherever else there is a fetch. Nothing here needs Node.
 *
 * @module
 */

export type { Call, Interceptor, Next } from './call.ts';
export { hedging } from './calling/hedging.ts';
export { rateLimit } from './calling/rate-limit.ts';
export { retry } from './calling/retry.ts';
export { createRetryBudget } from './calling/retry-budget.ts';
export { createTokenBucket, type Limiter, type Token, type TokenBucketOptions } from './calling/token-bucket.ts';
export { type CallOptions, type Client, createClient, type Transport } from './client.ts';
export { CODES, type Code } from './code.ts';
export type { EventContract, MethodContract, Methods, ParamsOf, ResultOf, ServiceContract } from './contract.ts';
export { defineService, fail, failedWith } from './contract.ts';
export type { Fetch } from './http/client/fetch.ts';
export { createFetchTransport, type FetchTransportOptions } from './http/client/fetch-transport.ts';
export type { ItemStream } from './item-stream.ts';
export { RpcError, toRpcError } from './rpc-error.ts';
export { type JsonSchemaSource, jsonSchema, type ZodOf } from './schema/json-schema.ts';
export { type StandardSchema, standardSchema } from './schema/standard-schema.ts';
export { typeNames } from './schema/type-names.ts';
export { idempotencyKey, int64, storableText, text, timestamp, uint16, uint32, uint64 } from './schema/wire-types.ts';
export { type StreamOf, stream } from './stream.ts';
