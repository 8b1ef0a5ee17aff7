import { pino } from 'pino';
import {
  defineService,
  fail,
  type HttpServer,
  idempotencyKey,
  implement,
  int64,
  type Service,
  serveHttp,
  timestamp,
  uint16,
  uint32,
  uint64,
} from 'rpc-kit';
import { z } from 'zod';
import type { HttpServerOptions } from '../../src/http/server/server.ts';

/** One member of every type that contracts are made of. */
const everyType = {
  int64: int64.optional(),
  uint64: uint64.optional(),
  uint32: uint32.optional(),
  uint16: uint16.optional(),
  at: timestamp.optional(),
  text: z.string().max(1_000).optional(),
  flag: z.boolean().optional(),
  key: idempotencyKey.optional(),
  list: z.array(uint16).max(3).optional(),
  nested: z.strictObject({ inner: uint16 }).optional(),
};

/** Longer than any busy machine takes: what is slow is not to be taken for what is wrong. */
const PATIENT_MS = 10_000;

const example = { params: {}, result: {} };

/** The service that the conformance tests talk to: the methods of the specification's examples, and some to be misused. */
export const subject = defineService(
  'subject',
  { summary: 'Is tested.', version: '1.0.0' },
  {
    subtract: {
      summary: 'Takes one number off another.',
      params: z.strictObject({ minuend: z.int(), subtrahend: z.int() }),
      result: z.int(),
      timeoutMs: PATIENT_MS,
      reads: true,
      positions: ['minuend', 'subtrahend'],
      example: { params: { minuend: 42, subtrahend: 23 }, result: 19 },
    },
    update: {
      summary: 'Takes five numbers.',
      params: z.strictObject({ a: z.int(), b: z.int(), c: z.int(), d: z.int(), e: z.int() }),
      result: z.object({}),
      timeoutMs: PATIENT_MS,
      positions: ['a', 'b', 'c', 'd', 'e'],
      example: { params: { a: 1, b: 2, c: 3, d: 4, e: 5 }, result: {} },
    },
    sum: {
      summary: 'Adds three numbers.',
      params: z.strictObject({ a: z.int(), b: z.int(), c: z.int() }),
      result: z.int(),
      timeoutMs: PATIENT_MS,
      reads: true,
      positions: ['a', 'b', 'c'],
      example: { params: { a: 1, b: 2, c: 4 }, result: 7 },
    },
    notify_hello: {
      summary: 'Takes one number.',
      params: z.strictObject({ times: z.int() }),
      result: z.object({}),
      timeoutMs: PATIENT_MS,
      positions: ['times'],
      example: { params: { times: 7 }, result: {} },
    },
    get_data: {
      summary: 'Gives a word and a number.',
      params: z.strictObject({}),
      result: z.tuple([z.string(), z.int()]),
      timeoutMs: PATIENT_MS,
      reads: true,
      example: { params: {}, result: ['hello', 5] },
    },
    greeting: {
      summary: 'Gives bare text.',
      params: z.strictObject({}),
      result: z.string(),
      timeoutMs: PATIENT_MS,
      reads: true,
      example: { params: {}, result: 'hello' },
    },
    echo: {
      summary: 'Gives back what it was given.',
      params: z.strictObject(everyType),
      result: z.object(everyType),
      timeoutMs: PATIENT_MS,
      reads: true,
      positions: ['text', 'flag'],
      example: { params: { uint16: 1 }, result: { uint16: 1 } },
    },
    order: {
      summary: 'Changes something.',
      params: z.strictObject({
        user: int64,
        items: z.array(z.strictObject({ sku: uint32, count: uint16.min(1) })).min(1),
      }),
      result: z.object({ orderID: int64 }),
      errors: {
        out_of_stock: {
          code: 'failed_precondition',
          message: 'There is less on sale',
          details: z.object({ orderID: int64 }),
        },
      },
      timeoutMs: PATIENT_MS,
      example: { params: { user: 1, items: [{ sku: 1, count: 1 }] }, result: { orderID: 1 } },
    },
    metadata: {
      summary: 'Tells what a call carried besides its params.',
      params: z.strictObject({}),
      result: z.object({
        requestId: z.string(),
        remainingMs: z.number(),
        traceparent: z.string().optional(),
        tracestate: z.string().optional(),
        baggage: z.string().optional(),
        idempotencyKey: z.string().optional(),
        authorization: z.string().optional(),
        name: z.string().optional(),
      }),
      timeoutMs: 60_000,
      reads: true,
      example: { params: {}, result: { requestId: 'r1', remainingMs: 60_000 } },
    },
    never: {
      summary: 'Does not answer in time.',
      params: z.strictObject({}),
      result: z.object({}),
      timeoutMs: 50,
      example,
    },
    broken: {
      summary: 'Fails in an unplanned way.',
      params: z.strictObject({}),
      result: z.object({}),
      timeoutMs: PATIENT_MS,
      example,
    },
    unwritable: {
      summary: 'Gives what JSON cannot say.',
      params: z.strictObject({}),
      result: z.unknown(),
      timeoutMs: PATIENT_MS,
      example,
    },
  },
);

/** What no answer may ever hold. */
export const INSIDE = 'SELECT secret FROM cards at /srv/app/store.ts:12 on db-7.internal';

export interface Subject {
  readonly service: Service<typeof subject.methods>;
  /** The methods whose handlers ran, in order. */
  readonly executed: string[];
}

/** An order by this user exceeds the stock. */
export const GREEDY_USER = 13n;

export function createSubject(): Subject {
  const executed: string[] = [];
  const ran = <T>(method: string, result: T): Promise<T> => {
    executed.push(method);
    return Promise.resolve(result);
  };
  const service = implement(subject, {
    subtract: ({ minuend, subtrahend }) => ran('subtract', minuend - subtrahend),
    update: () => ran('update', {}),
    sum: ({ a, b, c }) => ran('sum', a + b + c),
    notify_hello: () => ran('notify_hello', {}),
    get_data: () => ran('get_data', ['hello', 5] as [string, number]),
    greeting: () => ran('greeting', 'hello'),
    echo: (params) => ran('echo', params),
    async order({ user }) {
      executed.push('order');
      if (user === GREEDY_USER) throw fail(subject.methods.order, 'out_of_stock', { orderID: 2n ** 63n - 1n });
      return { orderID: user };
    },
    metadata: (_params, { requestId, deadlineAt, traceparent, tracestate, baggage, caller }) =>
      ran('metadata', {
        requestId,
        remainingMs: deadlineAt - performance.now(),
        traceparent,
        tracestate,
        baggage,
        ...caller,
      }),
    never() {
      executed.push('never');
      return new Promise(() => {});
    },
    broken: () => Promise.reject(new Error(INSIDE)),
    unwritable: () => ran('unwritable', { count: 1n }),
  });
  return { service, executed };
}

export function serveSubject(
  { service }: Subject,
  options: Partial<Omit<HttpServerOptions, 'port'>> = {},
): Promise<HttpServer> {
  return serveHttp(service, { port: 0, host: '127.0.0.1', logger: pino({ level: 'silent' }), ...options });
}
