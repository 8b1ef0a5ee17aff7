import assert from 'node:assert/strict';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { createClient, failedWith, RpcError } from 'rpc-kit';
import sinon from 'sinon';
import { notifications as contract } from '../contract.ts';
import { createApp } from './app.ts';
import type { Notification } from './domain/ports.ts';

const event = {
  eventID: '7f0c3c1e-6f0b-4a55-9d2a-3f7d8f6f1a01',
  orderID: -9223372036854775808n,
  seq: 1,
  user: 9223372036854775807n,
  status: 'awaiting payment' as const,
  at: new Date('2026-11-20T09:00:00.250Z'),
};

describe('the app', () => {
  it('logs one line with exact ids for each notification stored', async () => {
    const { client, notificationLines } = start();
    await client.deliver(event);
    assert.deepEqual(notificationLines(), [
      {
        user: '9223372036854775807',
        order_id: '-9223372036854775808',
        seq: 1,
        status: 'awaiting payment',
        text: 'Order -9223372036854775808 waits for payment.',
      },
    ]);
  });

  it('counts the notifications stored, by status', async () => {
    const { client, registry } = start();
    await client.deliver(event);
    assert.match(await registry.metrics(), /^notifications_stored_total\{status="awaiting payment"\} 1$/m);
  });

  it('neither logs nor counts a repeated event', async () => {
    const { client, registry, notificationLines } = start({ stored: { ...event, text: 'Order 1 was received.' } });
    await client.deliver({ ...event, eventID: event.eventID.toUpperCase() });
    assert.deepEqual(notificationLines(), []);
    assert.doesNotMatch(await registry.metrics(), /^notifications_stored_total\{/m);
  });

  it('refuses a contradiction for good and logs a warning with both events', async () => {
    const { client, lines } = start({ stored: { ...event, user: 5n, text: 'Order 1 was received.' } });
    const error = await client.deliver(event).catch((reason: unknown) => reason);
    assert(failedWith(error, contract.methods.deliver, 'event_conflict'));
    assert.equal(error.code, 'already_exists');
    assert.deepEqual(error.details, { orderID: event.orderID, seq: 1 });
    const [line] = lines.filter(({ level }) => level === 40);
    assert.match(line?.err?.message ?? '', /user 9223372036854775807.* contradicts .*user 5/);
  });

  it('names a contradiction in the answer of a batch and logs the same warning', async () => {
    const { client, lines } = start({ stored: { ...event, user: 5n, text: 'Order 1 was received.' } });
    const { refused } = await client.deliverEvents({ events: [event] });
    assert.deepEqual(
      refused.map(({ eventID, reason }) => [eventID, reason]),
      [[event.eventID, 'event_conflict']],
    );
    const [line] = lines.filter(({ level }) => level === 40);
    assert.match(line?.why ?? '', /user 9223372036854775807.* contradicts .*user 5/);
  });

  it('refuses a foreign cursor and names the param', async () => {
    const { client } = start();
    const error = await client
      .history({ user: 1n, limit: 1, cursor: 'bm90IG91cnM' })
      .catch((reason: unknown) => reason);
    assert(error instanceof RpcError);
    assert.equal(error.code, 'invalid_params');
    assert.deepEqual(error.details, {
      issues: [{ path: 'cursor', message: 'expected the nextCursor of an earlier page' }],
    });
  });
});

interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly request_id?: string;
  readonly err?: { readonly message: string };
  readonly why?: string;
}

/** The app with at most one stored notification. */
function start({ stored }: { readonly stored?: Notification } = {}) {
  const lines: LogLine[] = [];
  const logger = pino({ base: null, timestamp: false }, { write: (line: string) => lines.push(JSON.parse(line)) });
  const registry = new Registry();
  const repository = {
    lastSeq: sinon.stub().resolves(stored ? 1 : 0),
    find: sinon.stub().resolves(stored),
    add: sinon.stub().resolves(!stored),
    findAll: sinon.stub().resolves(stored ? [stored] : []),
    addFitting: sinon.stub().resolves([]),
  };
  const history = { read: sinon.stub().resolves([]) };
  const client = createClient(contract, createApp({ notifications: () => repository, history, logger, registry }));
  const notificationLines = () =>
    lines
      .filter(({ msg }) => msg === 'notification')
      .map(({ level: _level, msg: _msg, request_id: _id, ...rest }) => rest);
  return { client, registry, lines, notificationLines };
}
