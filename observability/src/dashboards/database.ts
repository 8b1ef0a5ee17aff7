import { type Dashboard, graph, number, orZero, quantile, rate, table } from '../panels.ts';

const CHOSEN = 'service=~"$service"';
const statements = `db_query_duration_seconds{${CHOSEN}}`;

export const database: Dashboard = {
  uid: 'order-mesh-database',
  title: 'Postgres and pgbouncer',
  description: 'Seen from the services: pools, the wait for a connection, and statements by name.',
  variables: [{ name: 'service', label: 'service', query: 'label_values(db_pool_connections, service)' }],
  rows: [
    {
      title: 'Connections',
      panels: [
        number(
          'Busy',
          'percentunit',
          `sum(db_pool_connections{${CHOSEN}, state="busy"}) / sum(db_pool_connections_max{${CHOSEN}})`,
          {
            redFrom: 0.9,
          },
        ),
        number('Waiting', 'none', `sum(db_pool_connections{${CHOSEN}, state="waiting"})`, { redFrom: 1 }),
        number('Wait, p99', 's', quantile(0.99, `db_pool_wait_seconds{${CHOSEN}}`), { redFrom: 0.1 }),
        number('Statements', 'ops', rate(`db_query_duration_seconds_count{${CHOSEN}}`)),
        graph('Busy', 'short', [
          `sum by (service) (db_pool_connections{${CHOSEN}, state="busy"})`,
          { expr: `sum by (service) (db_pool_connections_max{${CHOSEN}})`, legend: '{{service}} maximum' },
        ]),
        graph('Waiting for a connection', 'short', [
          `sum by (service) (db_pool_connections{${CHOSEN}, state="waiting"})`,
        ]),
        graph('Wait for a connection, p95', 's', [quantile(0.95, `db_pool_wait_seconds{${CHOSEN}}`, ['service'])]),
        graph(
          'Wait for a server connection of pgbouncer, p95',
          's',
          [quantile(0.95, `db_query_duration_seconds{${CHOSEN}, query="BEGIN"}`, ['service'])],
          { description: 'The duration of BEGIN: pgbouncer assigns a server connection to each transaction.' },
        ),
      ],
    },
    {
      title: 'Statements',
      panels: [
        graph('Statements a second', 'ops', [rate(`db_query_duration_seconds_count{${CHOSEN}}`, ['service'])]),
        graph('p95', 's', [quantile(0.95, statements, ['service'])]),
        graph('COMMIT, p95', 's', [
          quantile(0.95, `db_query_duration_seconds{${CHOSEN}, query="COMMIT"}`, ['service']),
        ]),
        table(
          'Where the time goes: seconds a second, by statement',
          's',
          `topk(20, ${rate(`db_query_duration_seconds_sum{${CHOSEN}}`, ['service', 'query'])})`,
        ),
        table('Slowest statements: p95', 's', `topk(20, ${quantile(0.95, statements, ['service', 'query'])})`),
        graph('Statements cancelled because their call had ended', 'ops', [
          orZero(rate(`db_statements_cancelled_total{${CHOSEN}}`, ['service', 'query'])),
        ]),
      ],
    },
  ],
};
