import type { Code } from 'rpc-kit';
import { createLatencies, type Latencies } from './latencies.ts';
import type { RecordedCall } from './recorder.ts';

export interface MethodFigures {
  readonly method: string;
  readonly calls: number;
  readonly ok: number;
  readonly fail: number;
  readonly info: number;
  readonly latencies: Latencies;
}

export interface ErrorFigures {
  readonly method: string;
  /** The contract's reason, or the bare code where there is none. */
  readonly code: string;
  readonly count: number;
  /** Whether the contract allows it; an unexpected error is a bug of the mesh. */
  readonly expected: boolean;
}

export interface OrderFigures {
  readonly created: number;
  readonly payed: number;
  readonly cancelled: number;
  /** Kept as failed because goods were out of stock. */
  readonly failed: number;
}

export interface Figures {
  readonly calls: number;
  readonly orders: OrderFigures;
  /** Refusals that the contracts declare. */
  readonly refused: number;
  readonly unknown: number;
  add(call: RecordedCall): void;
  byMethod(): MethodFigures[];
  errors(): ErrorFigures[];
}

/**
 * Codes that any correct call may get, whatever its contract declares: deadline, cancellation, lost race, overload. The
 * other codes mean a fault of the caller or the service.
 */
const ALWAYS_EXPECTED: ReadonlySet<Code> = new Set<Code>([
  'deadline_exceeded',
  'cancelled',
  'aborted',
  'resource_exhausted',
  'unavailable',
]);

export function createFigures(): Figures {
  const methods = new Map<string, MethodCounts>();
  const errors = new Map<string, ErrorFigures & { count: number }>();
  const orders = createOrderCounts();
  const totals = { calls: 0, ok: 0, fail: 0, info: 0 };

  return {
    get calls() {
      return totals.calls;
    },
    get refused() {
      return totals.fail;
    },
    get unknown() {
      return totals.info;
    },
    get orders() {
      return orders.figures();
    },
    add(call) {
      const { method, outcome, elapsedMs } = call;
      const counts = methods.get(method) ?? createCounts();
      methods.set(method, counts);
      totals.calls += 1;
      totals[outcome.result] += 1;
      counts[outcome.result] += 1;
      counts.latencies.record(elapsedMs);
      orders.add(call);
      if (outcome.result === 'ok') return;
      const code = outcome.result === 'fail' ? outcome.reason : outcome.code;
      const expected = outcome.result === 'fail' || ALWAYS_EXPECTED.has(outcome.code);
      const error = errors.get(`${method} ${code}`) ?? { method, code, count: 0, expected };
      errors.set(`${method} ${code}`, error);
      error.count += 1;
    },
    byMethod: () => [...methods].map(([method, counts]) => toFigures(method, counts)).toSorted(byMethodName),
    errors: () => [...errors.values()].toSorted((a, b) => byMethodName(a, b) || b.count - a.count),
  };
}

/** A repeated call returns the same order again, so orders are counted by their ids. */
function createOrderCounts() {
  const created = new Set<unknown>();
  const payed = new Set<unknown>();
  const cancelled = new Set<unknown>();
  const failed = new Set<unknown>();
  return {
    add({ method, params, outcome }: RecordedCall): void {
      const buys = method === 'purchase' || method === 'createOrder';
      if (outcome.result === 'ok') {
        if (buys) created.add((outcome.answer as { orderID: bigint }).orderID);
        if (method === 'orderPayed') payed.add(params.orderID);
        if (method === 'cancelOrder') cancelled.add(params.orderID);
      } else if (outcome.result === 'fail' && buys && outcome.reason === 'out_of_stock') {
        failed.add((outcome.details as { orderID: bigint }).orderID);
      }
    },
    figures: () => ({
      created: created.size,
      payed: payed.size,
      cancelled: cancelled.size,
      failed: failed.size,
    }),
  };
}

interface MethodCounts {
  ok: number;
  fail: number;
  info: number;
  readonly latencies: Latencies;
}

function createCounts(): MethodCounts {
  return { ok: 0, fail: 0, info: 0, latencies: createLatencies() };
}

function toFigures(method: string, { ok, fail, info, latencies }: MethodCounts): MethodFigures {
  return { method, calls: ok + fail + info, ok, fail, info, latencies };
}

function byMethodName(a: { method: string }, b: { method: string }): number {
  return a.method.localeCompare(b.method, 'en');
}
