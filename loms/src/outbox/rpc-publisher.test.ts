import assert from 'node:assert/strict';
import type { notifications } from 'notifications/contract.ts';
import { pino } from 'pino';
import { type Client, RpcError } from 'rpc-kit';
import sinon from 'sinon';
import { AT } from '../../test/port-stubs.ts';
import type { OrderEvent } from './event.ts';
import { createRpcPublisher } from './rpc-publisher.ts';

const TRACEPARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7';

function eventOf(orderID: bigint, seq: number, origin: Partial<OrderEvent> = {}): OrderEvent {
  return { eventID: `${orderID}/${seq}`, orderID, seq, user: 1n, status: 'new', at: AT, ...origin };
}

function open() {
  const deliverEvents = sinon.stub().resolves({ refused: [] });
  const deliver = sinon.stub().resolves({});
  const lines: Record<string, unknown>[] = [];
  const logger = pino({}, { write: (line: string) => lines.push(JSON.parse(line)) });
  const client = { deliverEvents, deliver } as Partial<Client<typeof notifications.methods>>;
  const publisher = createRpcPublisher(client as Client<typeof notifications.methods>, logger);
  const { signal } = new AbortController();
  return {
    deliverEvents,
    deliver,
    said: () => lines.map(({ level, msg }) => [level, msg]),
    publish: (...events: OrderEvent[]) => publisher.publish(events, { signal }),
    alone: (): string[] => deliver.args.map(([{ eventID }]) => eventID),
  };
}

describe('The publisher by RPC', () => {
  it('delivers a batch by one call, each event with the call that caused it', async () => {
    const { publish, deliverEvents, deliver } = open();
    const first = eventOf(1n, 1, { requestId: 'buying', traceparent: `${TRACEPARENT}-00`, tracestate: 'vendor=1' });
    assert.deepEqual(await publish(first, eventOf(2n, 1)), []);
    const [[{ events }]] = deliverEvents.args as [[{ events: unknown[] }]];
    const { requestId: requestID, ...event } = first;
    assert.partialDeepStrictEqual(events, [{ ...event, requestID }, eventOf(2n, 1)]);
    sinon.assert.notCalled(deliver);
  });

  it('fails for the events that notifications refuses', async () => {
    const { publish, deliverEvents } = open();
    deliverEvents.resolves({
      refused: [{ eventID: '1/2', reason: 'event_conflict', message: 'another one is stored' }],
    });
    const failed = await publish(eventOf(1n, 1), eventOf(1n, 2), eventOf(2n, 1));
    assert.deepEqual(
      failed.map(({ event, error }) => [event.eventID, (error as Error).message]),
      [['1/2', 'notifications refused the event as event_conflict: another one is stored']],
    );
  });

  for (const code of ['invalid_params', 'internal', 'method_not_found'] as const) {
    it(`delivers the events of a batch that failed as ${code} one by one, so that a bad one costs only its order`, async () => {
      const { publish, deliverEvents, deliver, alone } = open();
      deliverEvents.rejects(new RpcError(code, 'not so'));
      const failure = new RpcError('invalid_params', 'expected another status');
      deliver.withArgs(sinon.match({ eventID: '1/2' })).rejects(failure);
      const [bad] = await publish(eventOf(1n, 1), eventOf(1n, 2), eventOf(1n, 3), eventOf(2n, 1));
      assert.deepEqual([bad?.event.eventID, bad?.error], ['1/2', failure]);
      assert.deepEqual(alone().toSorted(), ['1/1', '1/2', '2/1']);
    });
  }

  for (const code of ['unavailable', 'deadline_exceeded', 'resource_exhausted', 'permission_denied'] as const) {
    it(`blames no event where notifications answers ${code}`, async () => {
      const { publish, deliverEvents, deliver } = open();
      const cause = new RpcError(code, 'not now');
      deliverEvents.rejects(cause);
      await assert.rejects(publish(eventOf(1n, 1), eventOf(2n, 1)), { name: 'PublisherUnavailable', cause });
      sinon.assert.notCalled(deliver);
    });
  }

  it('logs a line when notifications stops accepting events, and one when it accepts them again', async () => {
    const { publish, deliverEvents, said } = open();
    await publish(eventOf(1n, 1));
    deliverEvents.rejects(new RpcError('unavailable', 'not now'));
    for (let time = 0; time < 2; time++) await assert.rejects(publish(eventOf(1n, 2)));
    deliverEvents.resolves({ refused: [] });
    for (let time = 0; time < 2; time++) await publish(eventOf(1n, 2));
    assert.deepEqual(said(), [
      [30, 'notifications accepts events'],
      [40, 'notifications accepts no events: they stay in the outbox until it does'],
      [30, 'notifications accepts events'],
    ]);
  });
});
