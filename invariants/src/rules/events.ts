import type { Delivery } from '../journal.ts';
import { check, type Rule } from '../rule.ts';
import type { Query, Row } from '../snapshot.ts';

/** Every status change is in the outbox once, with the same values. */
const OUTBOX_VIOLATIONS = `
  SELECT order_id, seq, history.status, outbox.status AS event_status, history.changed_at, outbox.changed_at AS event_at
  FROM order_status_history history
  FULL JOIN outbox USING (order_id, seq)
  LEFT JOIN (SELECT order_id, user_id FROM orders) buyer USING (order_id)
  WHERE (history.status, history.changed_at, buyer.user_id)
    IS DISTINCT FROM (outbox.status, outbox.changed_at, outbox.user_id)
    AND NOT (outbox.event_id IS NULL AND history.changed_at <= (SELECT delivered_to FROM outbox_forgotten))`;

/** loms deletes delivered events after some time and counts them; no other event may be missing. */
const FORGOTTEN_VIOLATIONS = `
  SELECT missing.events AS missing, outbox_forgotten.events AS forgotten
  FROM outbox_forgotten, (
    SELECT count(*) AS events FROM order_status_history history LEFT JOIN outbox USING (order_id, seq)
    WHERE outbox.event_id IS NULL AND history.changed_at <= (SELECT delivered_to FROM outbox_forgotten)
  ) missing
  WHERE missing.events <> outbox_forgotten.events`;

/** Delivered before its predecessor. The first acknowledgement sets the time, and only then is the next event claimed. */
const OVERTAKEN = `
  SELECT later.order_id, earlier.seq AS earlier_seq, earlier.delivered_at AS earlier_at, later.seq AS later_seq,
    later.delivered_at AS later_at
  FROM outbox later
  JOIN outbox earlier ON earlier.order_id = later.order_id AND earlier.seq < later.seq
  WHERE later.delivered_at IS NOT NULL
    AND (earlier.delivered_at IS NULL OR earlier.delivered_at > later.delivered_at)`;

/** Possibly delivered, but never acknowledged, so it is retried for ever. */
const UNCONFIRMED = `
  SELECT order_id, seq, status, attempts, available_at FROM outbox WHERE delivered_at IS NULL AND attempts > 0`;

/** Due events at the head of their order without an attempt. */
const NEVER_TRIED = `
  SELECT order_id, seq, status, changed_at, available_at FROM outbox head
  WHERE delivered_at IS NULL AND attempts = 0 AND available_at < clock_timestamp() - interval '5 seconds'
    AND NOT EXISTS (
      SELECT 1 FROM outbox earlier
      WHERE earlier.order_id = head.order_id AND earlier.seq < head.seq AND earlier.delivered_at IS NULL
    )`;

export const EVENTS: readonly Rule[] = [
  {
    id: 'E1',
    says:
      'Outbox rows and status changes match one to one, in order, seq, status, time and user; of those that were ' +
      'delivered and deleted, exactly the counted number is missing.',
    checks: [
      check('the outbox', ['loms'], ({ loms }) => loms(OUTBOX_VIOLATIONS)),
      check('the forgotten', ['loms'], ({ loms }) => loms(FORGOTTEN_VIOLATIONS)),
    ],
  },
  {
    id: 'E2',
    says: 'Notifications match the status changes: none lost, none invented, none twice; every attempted event is acknowledged.',
    checks: [
      check('the unconfirmed', ['loms'], ({ loms }) => loms(UNCONFIRMED)),
      check('the notifications', ['loms', 'notifications'], ({ loms, notifications }) =>
        compareNotifications(loms, notifications),
      ),
      check('the delivery journal', ['loms', 'journal'], ({ loms, journal }) => compareJournal(loms, journal), {
        optional: true,
      }),
    ],
  },
  {
    id: 'E3',
    says: 'The events of an order were delivered by ascending seq, none before its predecessor.',
    checks: [
      check('the times of delivery', ['loms'], ({ loms }) => loms(OVERTAKEN)),
      check('the delivery journal', ['journal'], ({ journal }) => overtakenInJournal(journal), { optional: true }),
    ],
  },
  {
    id: 'E4',
    says: 'No due event was skipped: each is delivered, attempted, or behind an earlier event of its order.',
    beyond: 'that an event of a late commit is delivered is shown by loms/test/outbox.test.ts',
    checks: [
      // While an event fails, events without an attempt are blocked by it: that is E5.
      check('those left behind', ['loms'], async ({ loms }) =>
        (await loms(UNCONFIRMED)).length > 0 ? [] : loms(NEVER_TRIED),
      ),
    ],
  },
  {
    id: 'E5',
    says: 'While an event cannot be delivered, the events of other orders are.',
    checks: [
      check('those held up', ['loms'], async ({ loms }) => {
        const failing = await loms(UNCONFIRMED);
        if (failing.length > 0) return loms(NEVER_TRIED);
        return { nothingSeen: 'no event fails now; loms/test/outbox.test.ts shows it with one that does' };
      }),
    ],
  },
];

const CHANGES = `
  SELECT order_id, seq::bigint AS seq, status, changed_at AS at, user_id
  FROM order_status_history JOIN (SELECT order_id, user_id FROM orders) buyer USING (order_id)`;

async function compareNotifications(loms: Query, notifications: Query): Promise<Row[]> {
  const notified = new Map<string, Row>();
  const twice: Row[] = [];
  for (const row of await notifications('SELECT order_id, seq, status, at, user_id FROM notifications')) {
    if (notified.has(eventKey(row))) twice.push({ violation: 'notified twice', ...row });
    notified.set(eventKey(row), row);
  }
  const changes = await loms(CHANGES);
  const violations = changes.flatMap((change) => {
    const notification = notified.get(eventKey(change));
    notified.delete(eventKey(change));
    if (notification === undefined) return [{ violation: 'lost', ...change }];
    return isSame(change, notification) ? [] : [{ violation: 'notified with other values', change, notification }];
  });
  return [...twice, ...violations, ...notified.values().map((row) => ({ violation: 'invented', ...row }))];
}

function isSame(change: Row, notification: Row): boolean {
  const [changedAt, notifiedAt] = [change.at as Date, notification.at as Date];
  return (
    change.status === notification.status &&
    change.user_id === notification.user_id &&
    changedAt.getTime() === notifiedAt.getTime()
  );
}

async function compareJournal(loms: Query, journal: readonly Delivery[]): Promise<Row[]> {
  const times = new Map<string, number>();
  for (const { orderID, seq } of journal) times.set(`${orderID}/${seq}`, (times.get(`${orderID}/${seq}`) ?? 0) + 1);
  const violations = (await loms(CHANGES)).flatMap((change) => {
    const delivered = times.get(eventKey(change)) ?? 0;
    times.delete(eventKey(change));
    return delivered === 1 ? [] : [{ ...change, delivered }];
  });
  return [...violations, ...times.keys().map((event) => ({ violation: 'delivered though it never happened', event }))];
}

function overtakenInJournal(journal: readonly Delivery[]): Row[] {
  const last = new Map<bigint, number>();
  return journal.flatMap(({ orderID, seq }) => {
    const previous = last.get(orderID) ?? 0;
    last.set(orderID, seq);
    return seq === previous + 1 ? [] : [{ order_id: orderID, seq, delivered_after_seq: previous }];
  });
}

function eventKey(row: Row): string {
  return `${row.order_id}/${row.seq}`;
}
