import assert from 'node:assert/strict';
import { RpcError } from 'rpc-kit';
import type { Outcome } from './loms-fixture.ts';
import type { Answer, ModelOrder } from './order-model.ts';

/** @param known the orders that there were before */
export function assertCreated(
  outcome: Outcome<unknown>,
  expected: Answer,
  known: ReadonlySet<bigint | undefined>,
): void {
  if (typeof expected === 'string') {
    assert.equal(reasonOf(outcome), expected);
    return;
  }
  const isRefused = expected.shortages.length > 0;
  assert.equal(reasonOf(outcome), isRefused ? 'out_of_stock' : undefined);
  const answer = 'ok' in outcome ? outcome.ok : (outcome.error as RpcError).details;
  const { orderID, shortages } = answer as { orderID: bigint; shortages?: unknown };
  if (isRefused) assert.deepEqual(shortages, expected.shortages);
  if (expected.orderID === undefined) assert.ok(!known.has(orderID), 'a new order has an id of its own');
  expected.orderID ??= orderID;
  assert.equal(orderID, expected.orderID);
}

/** @param reason undefined where it should have been done */
export function assertRefused(outcome: Outcome<unknown>, reason: string | undefined, { status }: ModelOrder): void {
  assert.equal(reasonOf(outcome), reason);
  if ('error' in outcome) assert.deepEqual((outcome.error as RpcError).details, { status });
}

export function reasonOf(outcome: Outcome<unknown>): string | undefined {
  if ('ok' in outcome) return undefined;
  assert.ok(outcome.error instanceof RpcError, String(outcome.error));
  return outcome.error.reason ?? outcome.error.code;
}
