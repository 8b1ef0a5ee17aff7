import { type Database, isLostRace, SQLSTATE, shapedStatement, sql, sqlStateOf } from 'service-kit';
import type { QueuedNotification, SinkName } from '../domain/delivery-ports.ts';
import { queueDeliveries } from '../repository/deliveries.ts';
import { COLUMNS, type NotificationRow, TABLE, TYPES, toRow } from '../repository/notification-row.ts';
import { moveOffset } from './offsets.ts';
import type { ConsumerStore, Stretch } from './ports.ts';

/**
 * A statement costs its way to the database and back, its parsing and its planning, all of it much more than its rows: so there
 * is one for what nearly always happens, and the steps of a transaction are for the rest.
 */
export function takeWholeOn(database: Database, sinks: readonly SinkName[]): ConsumerStore['takeWhole'] {
  const shape = sinks.length === 0 ? 'unqueued' : 'queued';
  return async ({ topic, partition, from, to }, notifications, { signal }) => {
    const statement = takeWhole(shape, { topic, partition, from, to, sinks, ...toColumns(notifications) });
    try {
      return (await database.run('take whole batch', statement, { signal })).length > 0;
    } catch (error) {
      // Somebody else stored one of them at this moment, or one eventID stands for two events.
      if (isLostRace(error) || sqlStateOf(error) === SQLSTATE.uniqueViolation) return false;
      throw error;
    }
  };
}

type Columns = Readonly<Record<keyof NotificationRow, readonly unknown[]>> & {
  readonly traceparent: readonly (string | null)[];
  readonly tracestate: readonly (string | null)[];
  readonly first_of: readonly bigint[];
  readonly first_seq: readonly number[];
};

interface Values extends Stretch, Columns {
  readonly sinks: readonly SinkName[];
}

function toColumns(notifications: readonly QueuedNotification[]): Columns {
  // In one order for all, so that of two who store the same none waits for the other one.
  const sorted = notifications.toSorted((a, b) => Number(a.orderID - b.orderID) || a.seq - b.seq);
  const rows = sorted.map(toRow);
  const firsts = new Map(sorted.toReversed().map(({ orderID, seq }) => [orderID, seq]));
  const columns = Object.fromEntries(COLUMNS.map((column) => [column, rows.map((row) => row[column])]));
  return {
    ...(columns as Record<keyof NotificationRow, unknown[]>),
    traceparent: sorted.map(({ traceparent }) => traceparent ?? null),
    tracestate: sorted.map(({ tracestate }) => tracestate ?? null),
    first_of: [...firsts.keys()],
    first_seq: [...firsts.values()],
  };
}

/** `moved` has a row just where the group could be moved on; whatever is stored depends on it. */
const takeWhole = shapedStatement<'queued' | 'unqueued', Values>((shape, values) => {
  const incoming = sql.select().field(sql.str('unnest(?::text[])', values.traceparent), 'traceparent');
  incoming.field(sql.str('unnest(?::text[])', values.tracestate), 'tracestate');
  for (const column of COLUMNS) incoming.field(sql.str(`unnest(?::${TYPES[column]}[])`, values[column]), column);

  const moved = moveOffset(values).where('NOT EXISTS ?', blocked(values)).where('NOT EXISTS ?', gaps(values));

  const stored = sql.insert().into(TABLE);
  stored.fromQuery(COLUMNS, sql.select().fields(COLUMNS).from('incoming').from('moved'));

  const statement = sql.select().from('moved').field('partition');
  statement.with('incoming', incoming).with('moved', moved).with('stored', stored);
  if (shape === 'unqueued') return statement;
  const rows = sql.select().from('incoming').from('moved').fields(['order_id', 'seq', 'traceparent', 'tracestate']);
  return statement.with('queued', queueDeliveries(values.sinks, rows));
});

function blocked({ first_of }: Values) {
  return sql.select().from('dead_letters').field('1').where('order_id = ANY(?::bigint[])', first_of);
}

/** Orders whose first one here does not directly follow the last one stored. */
function gaps({ first_of, first_seq }: Values) {
  const last = sql.select().from(TABLE).field('coalesce(max(seq), 0)').where(`${TABLE}.order_id = first.order_id`);
  const firsts = sql.select().field(sql.str('unnest(?::bigint[])', first_of), 'order_id');
  firsts.field(sql.str('unnest(?::bigint[])', first_seq), 'seq');
  return sql.select().from(firsts, 'first').field('1').where('? <> first.seq - 1', last);
}
