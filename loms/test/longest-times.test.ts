import assert from 'node:assert/strict';
import { pino } from 'pino';
import { describeConfig, loadConfig, startForgetting } from 'service-kit';
import { lomsConfig } from '../src/config.ts';
import { forgetDeliveredEvents } from '../src/outbox/cleaning.ts';
import { eventually, openLoms, withLoms } from './loms-fixture.ts';

const HOUR_MS = 3_600_000;
const SKU = 7;

/** What the README calls the largest value of the variable; the next one has to be refused. */
function largestOf(name: string): number {
  const { values = '' } = describeConfig(lomsConfig).find((described) => described.name === name) ?? {};
  const largest = Number(values.split('–')[1]);
  const required = { DATABASE_URL: 'postgres://loms@host/loms', NOTIFICATIONS_URL: 'http://host' };
  const load = (value: number) => loadConfig(lomsConfig, { ...required, [name]: String(value) });
  assert.equal(Object.entries(load(largest)).find(([key]) => key === name)?.[1], largest);
  assert.throws(() => load(largest + 1), new RegExp(`${name} is wrong: .*${largest}`));
  return largest;
}

describe('The longest time that may be configured', () => {
  it('leaves the clean-up of delivered events working', async () => {
    await using loms = await openLoms();
    await loms.supply(SKU, { 1: 5 });
    await loms.client.createOrder({ user: 1n, items: [{ sku: SKU, count: 1 }] });
    await eventually(
      'the delivered events',
      async () => loms.events.length,
      (count) => count === 2,
    );
    await loms.query("UPDATE outbox SET delivered_at = now() - interval '120 years'");
    await forgetDeliveredEvents(loms.first.database, largestOf('OUTBOX_KEPT_HOURS') * HOUR_MS);
    assert.deepEqual(await loms.query('SELECT count(*)::integer AS left FROM outbox'), [{ left: 0 }]);
  });

  it('leaves the clean-up of the journal of operations working', async () => {
    await using loms = await openLoms();
    await loms.query(
      `INSERT INTO operations (request_id, method, code, started_at, deadline_at, duration_ms)
       VALUES ('old', 'm', 'ok', now() - interval '101 years', now(), 1), ('young', 'm', 'ok', now() - interval '99 years', now(), 1)`,
    );
    const logger = pino({ level: 'silent' });
    await using _forgetting = startForgetting(loms.first.database, largestOf('OPERATIONS_KEPT_DAYS'), logger);
    const left = () => loms.query('SELECT request_id FROM operations');
    await eventually('the operations', left, (rows) => rows.length === 1 && rows[0]?.request_id === 'young');
  });

  it(
    'lets an order await payment',
    withLoms(
      async (loms) => {
        await loms.supply(SKU, { 1: 5 });
        await loms.client.createOrder({ user: 1n, items: [{ sku: SKU, count: 1 }] });
        assert.deepEqual(await loms.orderCounts(), { 'awaiting payment': 1 });
        const days = "extract(day FROM payment_due_at - now() + interval '1 minute')::integer";
        assert.deepEqual(await loms.query(`SELECT ${days} AS days FROM orders`), [{ days: 24 }]);
      },
      { paymentTimeoutMs: largestOf('ORDER_PAYMENT_TIMEOUT_MS') },
    ),
  );
});
