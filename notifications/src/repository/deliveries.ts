import { type Database, fixedStatement, shapedStatement, sql } from 'service-kit';
import type {
  DeliveryBacklogReader,
  DeliveryQueue,
  JournalQueue,
  QueuedNotification,
  SinkName,
} from '../domain/delivery-ports.ts';
import type { Context, Notification } from '../domain/ports.ts';
import { COLUMNS, type NotificationRow, toNotification } from './notification-row.ts';

const TABLE = 'deliveries';

interface Queued {
  readonly sinks: readonly SinkName[];
  readonly traceparent: string | null;
  readonly tracestate: string | null;
}

/** The insert of a notification, and of a delivery for each sink where it was inserted: one statement, for it is run often. */
export function withDeliveries(insert: ReturnType<typeof sql.insert>, { sinks, traceparent, tracestate }: Queued) {
  const stored = sql.select().from('stored').fields(['order_id', 'seq']).field(sql.str('?::text', traceparent));
  stored.field(sql.str('?::text', tracestate));
  const deliveries = queueDeliveries(sinks, stored);
  return sql.select().with('stored', insert).with('queued', deliveries).from('stored').field('seq');
}

/** @param stored selects order_id, seq, traceparent and tracestate of the notifications */
export function queueDeliveries(sinks: readonly SinkName[], stored: ReturnType<typeof sql.select>) {
  const rows = stored.field(sql.str('unnest(?::text[])', sinks));
  return sql.insert().into(TABLE).fromQuery(['order_id', 'seq', 'traceparent', 'tracestate', 'sink'], rows);
}

interface QueuedRow extends NotificationRow {
  readonly traceparent: string | null;
  readonly tracestate: string | null;
}

interface ClaimedRow extends QueuedRow {
  readonly attempts: number;
  readonly waited_ms: number;
}

export function createDeliveryQueue(database: Database, sink: Exclude<SinkName, 'journal'>): DeliveryQueue {
  return {
    async claim(limit, leaseMs, { signal }) {
      const statement = claimHeads(sink, limit)
        .set('available_at', later(leaseMs))
        .set('attempts', sql.str('attempts + 1'));
      statement.returning('attempts').returning(`${millisecondsSince('queued_at')}`, 'waited_ms');
      const rows = await database.run<ClaimedRow>('claim deliveries', statement, { signal });
      return rows.map((row) => ({
        notification: toQueued(row),
        attempts: row.attempts,
        waitedMs: row.waited_ms,
      }));
    },

    delivered: (notifications, context) => remove(database, sink, notifications, context),

    async postpone({ orderID }, delayMs, { signal }) {
      // Those that wait behind it rest, too; else every round would look at all of them while nothing can be delivered.
      const statement = sql.update().table(TABLE).set('available_at', later(delayMs)).where('dead_at IS NULL');
      statement.where('sink = ?', sink).where('order_id = ?', orderID);
      await database.run('postpone delivery', statement, { signal });
    },

    async bury({ orderID, seq }, { signal }) {
      const dead = sql.update().table(TABLE).set('dead_at', sql.str('statement_timestamp()'));
      dead.where('sink = ?', sink).where('order_id = ?', orderID).where('seq = ?', seq);
      const freed = sql.update().table(TABLE).set('available_at', sql.str('statement_timestamp()'));
      freed.where('sink = ?', sink).where('order_id = ?', orderID).where('seq > ?', seq).where('dead_at IS NULL');
      await database.transaction(
        async (executor) => {
          await executor.run('bury delivery', dead);
          await executor.run('free deliveries', freed);
        },
        { signal },
      );
    },
  };
}

export function createJournalQueue(database: Database): JournalQueue {
  const sink = 'journal';
  return {
    async claim(journalID, limit, delivered, { signal }) {
      const statement = claimForJournal(limit, { journalID, ...placesOf(delivered) });
      return (await database.run<QueuedRow>('claim for journal', statement, { signal })).map(toQueued);
    },

    async claimed(journalID, { signal }) {
      const statement = sql
        .select()
        .from(TABLE, 'taken')
        .fields(COLUMNS.map((column) => `notification.${column}`))
        .field('taken.traceparent')
        .field('taken.tracestate');
      statement.join('notifications', 'notification', SAME_PLACE).where('journal_id = ?', journalID);
      const rows = await database.run<QueuedRow>('read journal claims', statement, { signal });
      return rows.map(toQueued);
    },

    delivered: (notifications, context) => remove(database, sink, notifications, context),

    async findStale(restMs, { signal }) {
      const statement = sql.select().from(TABLE).distinct().field('journal_id').where('journal_id IS NOT NULL');
      statement.where(`claimed_at <= statement_timestamp() - ? * interval '1 millisecond'`, restMs);
      const rows = await database.run<{ journal_id: string }>('find stale claims', statement, { signal });
      return rows.map(({ journal_id }) => journal_id);
    },
  };
}

/** Looks at no more rows than it counts. */
export function createDeliveryBacklogReader(database: Database): DeliveryBacklogReader {
  return {
    async read(sink, countMax, { signal }) {
      const waiting = sql.select().from(TABLE).field('queued_at').where('sink = ?', sink).where('dead_at IS NULL');
      waiting.order('queued_at').limit(countMax);
      const statement = sql
        .select()
        .from(waiting, 'waiting')
        .field('count(*)', 'deliveries')
        .field(`coalesce(${millisecondsSince('min(queued_at)')}, 0)`, 'oldest_ms');
      const [row] = await database.run<{ deliveries: bigint; oldest_ms: number }>('read backlog', statement, {
        signal,
      });
      return { deliveries: Number(row?.deliveries ?? 0), oldestMs: row?.oldest_ms ?? 0 };
    },
  };
}

const SAME_PLACE = 'notification.order_id = taken.order_id AND notification.seq = taken.seq';

/** An update of the earliest delivery of each order that nobody has, which answers their notifications. */
function claimHeads(sink: SinkName, limit: number, noted?: Places) {
  const earlier = sql
    .select()
    .from(TABLE, 'earlier')
    .field('1')
    .where('earlier.sink = head.sink')
    .where('earlier.order_id = head.order_id')
    .where('earlier.seq < head.seq')
    .where('earlier.dead_at IS NULL');
  // The statement sees them until its end, though it removes them.
  if (noted) earlier.where('(earlier.order_id, earlier.seq) NOT IN ?', among(noted));
  const heads = sql
    .select()
    .from(TABLE, 'head')
    .field('order_id')
    .field('seq')
    .where('sink = ?', sink)
    .where('journal_id IS NULL')
    .where('dead_at IS NULL')
    // Not clock_timestamp(), which may differ from row to row: an index is of use only where the bound stays the same.
    .where('available_at <= statement_timestamp()')
    .where('NOT EXISTS ?', earlier)
    .order('available_at')
    .limit(limit)
    .for('UPDATE SKIP LOCKED');
  const statement = sql
    .update()
    .with('heads', heads)
    .table(TABLE, 'taken')
    .from('heads')
    .from('notifications', 'notification');
  statement.where('taken.sink = ?', sink).where(SAME_PLACE);
  statement.where('heads.order_id = taken.order_id').where('heads.seq = taken.seq');
  for (const column of COLUMNS) statement.returning(`notification.${column}`, column);
  return statement.returning('taken.traceparent', 'traceparent').returning('taken.tracestate', 'tracestate');
}

const claimForJournal = shapedStatement<number, Places & { journalID: string }>((limit, values) =>
  claimHeads('journal', limit, values)
    .with('noted', removed('journal', values))
    .set('journal_id', values.journalID)
    .set('claimed_at', sql.str('statement_timestamp()'))
    .set('attempts', sql.str('attempts + 1')),
);

const removeDeliveries = fixedStatement<Places & { sink: SinkName }>((values) => removed(values.sink, values));

interface Places {
  readonly orderIDs: readonly bigint[];
  readonly seqs: readonly number[];
}

function placesOf(notifications: readonly Notification[]): Places {
  return { orderIDs: notifications.map(({ orderID }) => orderID), seqs: notifications.map(({ seq }) => seq) };
}

function removed(sink: SinkName, places: Places) {
  return sql.delete().from(TABLE).where('sink = ?', sink).where('(order_id, seq) IN ?', among(places));
}

function among({ orderIDs, seqs }: Places) {
  const orders = sql.str('unnest(?::bigint[])', orderIDs);
  return sql.select().field(orders).field(sql.str('unnest(?::bigint[])', seqs));
}

function toQueued(row: QueuedRow): QueuedNotification {
  return { ...toNotification(row), traceparent: row.traceparent ?? undefined, tracestate: row.tracestate ?? undefined };
}

async function remove(
  database: Database,
  sink: SinkName,
  notifications: readonly Notification[],
  { signal }: Context,
): Promise<void> {
  const statement = removeDeliveries({ sink, ...placesOf(notifications) });
  await database.run('remove deliveries', statement, { signal });
}

function later(ms: number) {
  return sql.str(`statement_timestamp() + ? * interval '1 millisecond'`, ms);
}

function millisecondsSince(time: string): string {
  return `(1000 * extract(epoch FROM statement_timestamp() - ${time}))::float8`;
}
