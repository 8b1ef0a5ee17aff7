import { setTimeout as sleep } from 'node:timers/promises';
import { defineService, implement, type ServedCall, type Service, stream } from 'rpc-kit';
import type { MethodCodec, ServiceCodec } from 'rpc-kit/grpc';
import { z } from 'zod';
import { GrpcRefusal } from '../../src/grpc/status.ts';
import {
  type ErrorDefinition,
  type Header,
  type Messages,
  PACKAGE,
  type StreamDefinition,
  TYPE_URL,
  type UnaryDefinition,
} from './messages.ts';

/** Longer than any case takes; the cases set deadlines of their own. */
const TIMEOUT_MS = 60_000;
const unary = {
  summary: 'Answers as its request says.',
  params: z.strictObject({ request: z.unknown() }),
  result: z.unknown(),
  timeoutMs: TIMEOUT_MS,
  example: { params: {}, result: {} },
};

/** Its messages are not checked: what is tested lies below them. The methods that are left out are not called, or are to be unknown. */
export const conformance = defineService(
  'conformance',
  { summary: 'Is called by the conformance suite of Connect.', version: '1.0.7' },
  { unary, serverStream: { ...unary, result: stream(z.unknown()) } },
);

/** The codec of the service, whose params are `{ request }`. */
export function createConformanceCodec(messages: Messages): ServiceCodec {
  const serviceName = `${PACKAGE}.ConformanceService`;
  const methods = Object.keys(conformance.methods).map((name): MethodCodec => {
    const rpcName = toRpcName(name);
    return {
      name,
      path: `/${serviceName}/${rpcName}`,
      params: {
        encode: (params) => messages.encode(`${rpcName}Request`, (params as { request: object }).request),
        decode: (bytes) => ({ request: messages.decode(`${rpcName}Request`, bytes) }),
      },
      result: {
        encode: (value) => messages.encode(`${rpcName}Response`, value as object),
        decode: (bytes) => messages.decode(`${rpcName}Response`, bytes),
      },
      isStream: name === 'serverStream',
      details: new Map(),
    };
  });
  return {
    serviceName,
    methods: new Map(methods.map((method) => [method.path, method])),
    byName: new Map(methods.map((method) => [method.name, method])),
    files: [],
  };
}

const toRpcName = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);

/** What handlers cannot see or set: contracts have no own headers, trailers or messages in an error's details. */
export interface OpenExchange {
  readonly requestHeaders: readonly Header[];
  addTrailers(trailers: readonly Header[]): void;
  /** Details of the error that the handler throws. */
  setDetails(error: ErrorDefinition, message: string): void;
}

/** @param exchangeOf finds the stream of a call by its request id */
export function createConformanceService(
  messages: Messages,
  exchangeOf: (requestId: string) => OpenExchange,
): Service<typeof conformance.methods> {
  const infoOf = (call: ServedCall, type: string, request: unknown) => {
    const { requestHeaders } = exchangeOf(call.requestId);
    const hasTimeout = requestHeaders.some(({ name }) => name === 'grpc-timeout');
    const remainingMs = BigInt(Math.floor(call.deadlineAt - (call.startedAt as number)));
    return {
      requestHeaders,
      requests: [{ typeUrl: `${TYPE_URL}${PACKAGE}.${type}`, value: messages.encode(type, request as object) }],
      ...(hasTimeout && { timeoutMs: remainingMs }),
    };
  };
  const setMetadata = (call: ServedCall, definition: UnaryDefinition | StreamDefinition): void => {
    for (const { name, value } of definition.responseHeaders) {
      call.answerHeaders?.set(name.toLowerCase(), value.join(', '));
    }
    exchangeOf(call.requestId).addTrailers(definition.responseTrailers);
  };
  const refusal = (call: ServedCall, error: ErrorDefinition, info?: object): GrpcRefusal => {
    const type = 'ConformancePayload.RequestInfo';
    const own = info ? [{ typeUrl: `${TYPE_URL}${PACKAGE}.${type}`, value: messages.encode(type, info) }] : [];
    const message = error.message ?? '';
    exchangeOf(call.requestId).setDetails({ ...error, details: [...error.details, ...own] }, message);
    return new GrpcRefusal(error.code, message);
  };
  return implement(conformance, {
    async unary(params, call) {
      const request = params.request as { responseDefinition?: UnaryDefinition };
      const definition = request.responseDefinition;
      const requestInfo = infoOf(call, 'UnaryRequest', request);
      if (!definition) return { payload: { requestInfo } };
      setMetadata(call, definition);
      await sleep(definition.responseDelayMs, undefined, { signal: call.signal });
      const { response } = definition;
      if (response.case === 'error') throw refusal(call, response.value, requestInfo);
      return { payload: { requestInfo, ...(response.case && { data: response.value }) } };
    },
    async *serverStream(params, call) {
      const request = params.request as { responseDefinition?: StreamDefinition };
      const definition = request.responseDefinition;
      if (!definition) return;
      setMetadata(call, definition);
      let requestInfo: object | undefined = infoOf(call, 'ServerStreamRequest', request);
      for (const data of definition.responseData) {
        await sleep(definition.responseDelayMs, undefined, { signal: call.signal });
        yield { payload: { data, requestInfo } };
        requestInfo = undefined;
      }
      if (definition.error) throw refusal(call, definition.error, requestInfo);
    },
  });
}
