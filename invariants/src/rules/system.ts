import { CODES, OVERLOADED } from 'rpc-kit';
import { callsOf, METHODS, type MethodName } from '../calls.ts';
import { type Operation, TRANSPORT_REASONS } from '../history.ts';
import { findSecrets, SECRET_LENGTH_MIN } from '../log-search.ts';
import { check, type NothingSeen, type Rule, type Settings } from '../rule.ts';
import type { Query, Row } from '../snapshot.ts';
import { APPLICATION_NAME } from '../snapshot.ts';

export const SYSTEM: readonly Rule[] = [
  {
    id: 'Y1',
    says: 'Every acknowledged order, payment and cancellation is in the database (carts: see P3).',
    checks: [check('the acknowledged', ['loms', 'history'], ({ loms, history }) => findLostOks(loms, history))],
  },
  {
    id: 'Y2',
    says: 'At this moment no transaction is open for longer than 5 s, and no role exceeds its connection limit.',
    beyond:
      'that none is open across a remote call is shown by checkout/test/calls-and-transactions.test.ts, ' +
      'loms/test/transactions.test.ts and notifications/test/webhook.test.ts',
    checks: (['loms', 'checkout', 'notifications'] as const).map((service) =>
      check(`the sessions of ${service}`, [service], (sources, settings) =>
        findSessionsViolations(sources[service], settings),
      ),
    ),
  },
  {
    id: 'Y3',
    says: 'Clients saw only documented codes, and no log contains one of the given secrets.',
    checks: [
      check('the codes', ['history'], ({ history }) => history.flatMap(undocumented)),
      check('the logs', ['logs'], ({ logs }) => {
        const short = logs.secrets.filter(({ length }) => length < SECRET_LENGTH_MIN).length;
        if (logs.secrets.length === 0 || short > 0) {
          return {
            nothingSeen: `the logs: secrets are needed (SECRETS=…), each of ${SECRET_LENGTH_MIN} characters or more`,
          };
        }
        return findSecrets(logs) as Promise<object> as Promise<Row[]>;
      }),
    ],
  },
  {
    id: 'Y4',
    says: 'No operation that started after its deadline succeeded, and none has written an event.',
    beyond:
      'that no other work starts either, such as a read, is shown by checkout/test/calls-and-transactions.test.ts and ' +
      'rpc-kit/src/server.test.ts',
    checks: [
      check('the operations of loms', ['loms'], ({ loms }) => findLateWork(loms, HAS_EVENT)),
      check('the operations of checkout', ['checkout'], ({ checkout }) => findLateWork(checkout)),
    ],
  },
  {
    id: 'Y5',
    says: 'Stock is locked by ascending sku: Postgres has counted no deadlock in the database of loms.',
    beyond:
      'that serialization failures and deadlocks are retried a bounded number of times is shown by ' +
      'loms/test/races.test.ts and loms/test/deadlocks.test.ts',
    checks: [check('the deadlocks', ['loms'], ({ loms }) => findDeadlocks(loms))],
  },
];

async function findLostOks(loms: Query, history: readonly Operation[]): Promise<Row[]> {
  const rows = await loms('SELECT order_id, array_agg(status) AS steps FROM order_status_history GROUP BY order_id');
  const steps = new Map(rows.map((row) => [row.order_id as bigint, new Set(row.steps as string[])]));
  const made = [...callsOf(history, 'createOrder'), ...callsOf(history, 'purchase')].flatMap(({ answer }) =>
    answer === undefined ? [] : [{ order_id: answer.orderID, acknowledged: 'new' }],
  );
  const moved = (['orderPayed', 'cancelOrder'] as const).flatMap((name) =>
    callsOf(history, name)
      .filter(({ result }) => result === 'ok')
      .map(({ args }) => ({ order_id: args.orderID, acknowledged: name === 'orderPayed' ? 'payed' : 'cancelled' })),
  );
  return [...made, ...moved].filter(({ order_id, acknowledged }) => !steps.get(order_id)?.has(acknowledged));
}

async function findSessionsViolations(
  query: Query,
  { transactionMaxMs }: Settings,
): Promise<readonly Row[] | NothingSeen> {
  const open = `
    SELECT pid, usename, datname, state, extract(epoch FROM clock_timestamp() - xact_start)::float8 AS open_s
    FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name <> $1
      AND xact_start < clock_timestamp() - $2 * interval '1 millisecond'`;
  const many = `
    SELECT usename, count(*) AS connections, rolconnlimit AS allowed
    FROM pg_stat_activity JOIN pg_roles ON rolname = usename
    WHERE usename = current_user AND rolconnlimit >= 0
    GROUP BY usename, rolconnlimit
    HAVING count(*) > rolconnlimit`;
  const [role] = await query('SELECT rolconnlimit AS allowed FROM pg_roles WHERE rolname = current_user');
  const violations = [...(await query(open, [APPLICATION_NAME, transactionMaxMs])), ...(await query(many))];
  if (violations.length === 0 && role?.allowed === -1) {
    return { nothingSeen: 'the role has no connection limit (ALTER ROLE … CONNECTION LIMIT)' };
  }
  return violations;
}

/** By its request id. If an operation in time has the same one, the event may be its own. */
const HAS_EVENT = `
  EXISTS (SELECT FROM outbox WHERE outbox.request_id = late.request_id AND changed_at >= late.started_at)
  AND NOT EXISTS (
    SELECT FROM operations other
    WHERE other.request_id = late.request_id AND other.started_at <= other.deadline_at
  )`;

function findLateWork(query: Query, hadEffect = 'false'): Promise<Row[]> {
  return query(`
    SELECT request_id, method, code, started_at, deadline_at
    FROM operations late
    WHERE started_at > deadline_at AND (code = 'ok' OR ${hadEffect})`);
}

/** Counted since the last reset of the statistics: `SELECT pg_stat_reset()`, after a deadlock that was caused by hand. */
function findDeadlocks(query: Query): Promise<Row[]> {
  return query(
    'SELECT deadlocks, stats_reset FROM pg_stat_database WHERE datname = current_database() AND deadlocks > 0',
  );
}

function undocumented(operation: Operation): Row[] {
  const { op, result } = operation;
  if (result === 'ok') return [];
  const word = result === 'fail' ? operation.code : operation.reason;
  const words: readonly string[] =
    result === 'fail' ? reasonsOf(op) : [...reasonsOf(op), ...TRANSPORT_REASONS, OVERLOADED];
  return Object.hasOwn(CODES, word) || words.includes(word) ? [] : [{ op, key: operation.key, result, word }];
}

/** The reasons in the method's contract; none for methods of other services. */
function reasonsOf(op: string): string[] {
  const method = Object.hasOwn(METHODS, op) ? METHODS[op as MethodName] : undefined;
  return method !== undefined && 'errors' in method ? Object.keys(method.errors ?? {}) : [];
}
