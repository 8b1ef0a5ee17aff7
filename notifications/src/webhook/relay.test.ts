import assert from 'node:assert/strict';
import { fail } from 'rpc-kit';
import sinon from 'sinon';
import { notify, type Webhook } from './client.ts';
import type { ClaimedDelivery, DeliveryQueue } from './queue.ts';
import { createDeliveryRelay } from './relay.ts';

const HOUR_MS = 3_600_000;

function deliveryOf(given: Partial<ClaimedDelivery> = {}): ClaimedDelivery {
  const at = new Date('2026-11-20T09:00:00.250Z');
  const text = 'Order 7 was received.';
  const notification = { eventID: 'a', orderID: 7n, seq: 1, user: 42n, status: 'new' as const, at, text };
  return { notification, attempts: 1, refusals: 0, waitedMs: 5, ...given };
}

/** Runs the relay until one delivery has ended. */
async function deliverOne(delivery: ClaimedDelivery, failure?: Error) {
  const queue = {
    claim: sinon.stub<Parameters<DeliveryQueue['claim']>, ReturnType<DeliveryQueue['claim']>>().resolves([]),
    acknowledge: sinon.stub<Parameters<DeliveryQueue['acknowledge']>, Promise<void>>().resolves(),
    postpone: sinon.stub<Parameters<DeliveryQueue['postpone']>, Promise<void>>().resolves(),
    bury: sinon.stub<Parameters<DeliveryQueue['bury']>, Promise<void>>().resolves(),
    readBacklog: sinon.stub<Parameters<DeliveryQueue['readBacklog']>>(),
  };
  queue.claim.onFirstCall().resolves([delivery]);
  const deliver = sinon.stub<Parameters<Webhook['deliver']>, Promise<void>>();
  if (failure) deliver.rejects(failure);
  else deliver.resolves();
  const report = {
    onFailure: sinon.stub(),
    onDead: sinon.stub(),
    onDelivered: sinon.stub(),
    onProgress: sinon.stub(),
  };
  const relay = createDeliveryRelay(queue, { deliver }, report);
  await relay.round(new AbortController().signal);
  await relay.settle();
  return { queue, report };
}

describe('The relay of notifications', () => {
  it('acknowledges and counts a delivery, and asks for the next round', async () => {
    const delivery = deliveryOf();
    const { queue, report } = await deliverOne(delivery);
    sinon.assert.calledOnceWithExactly(queue.acknowledge, [delivery.notification], sinon.match.object);
    assert.deepEqual(report.onDelivered.args, [[0], [1]]);
    sinon.assert.calledOnce(report.onProgress);
    sinon.assert.notCalled(queue.postpone);
  });

  it('doubles the delay after each failure, up to five minutes', async () => {
    const failure = new Error('no answer');
    const delays: Record<number, number> = { 1: 200, 2: 400, 10: 102_400, 12: 300_000, 1000: 300_000 };
    for (const [attempts, delayMs] of Object.entries(delays)) {
      const delivery = deliveryOf({ attempts: Number(attempts) });
      const { queue, report } = await deliverOne(delivery, failure);
      sinon.assert.calledOnceWithExactly(
        queue.postpone,
        delivery.notification,
        { delayMs, isRefusal: false },
        sinon.match.object,
      );
      sinon.assert.calledOnceWithExactly(report.onFailure, delivery.notification, failure, delayMs);
      sinon.assert.notCalled(queue.bury);
    }
  });

  it('waits as long as the receiver asks', async () => {
    const delivery = deliveryOf({ attempts: 1 });
    const { queue } = await deliverOne(delivery, Object.assign(new Error('later'), { retryAfterMs: 60_000 }));
    const failure = { delayMs: 60_000, isRefusal: false };
    sinon.assert.calledOnceWithExactly(queue.postpone, delivery.notification, failure, sinon.match.object);
  });

  const refusal = fail(notify, 'refused', { status: 400 });
  const silence = new Error('no answer');
  const outcomes: { what: string; delivery: Partial<ClaimedDelivery>; failure: Error; isDead: boolean }[] = [
    { what: 'refused 19 times', delivery: { attempts: 19, refusals: 18 }, failure: refusal, isDead: false },
    { what: 'refused 20 times', delivery: { attempts: 20, refusals: 19 }, failure: refusal, isDead: true },
    {
      what: 'refused for the first time after 1000 failures',
      delivery: { attempts: 1_001 },
      failure: refusal,
      isDead: false,
    },
    { what: 'failed 1000 times', delivery: { attempts: 1_000 }, failure: silence, isDead: false },
    { what: 'old and failed often', delivery: { attempts: 5, waitedMs: 24 * HOUR_MS }, failure: silence, isDead: true },
    {
      what: 'old and hardly tried',
      delivery: { attempts: 4, waitedMs: 99 * HOUR_MS },
      failure: silence,
      isDead: false,
    },
  ];
  for (const { what, delivery, failure, isDead } of outcomes) {
    it(`${isDead ? 'gives up' : 'retries'} one that is ${what}`, async () => {
      const { queue, report } = await deliverOne(deliveryOf(delivery), failure);
      assert.deepEqual([queue.bury.called, report.onDead.called], [isDead, isDead]);
      assert.equal(queue.postpone.called, !isDead);
    });
  }
});
