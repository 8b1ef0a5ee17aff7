import { graph, number, orZero, quantile, quantiles, type Row, rate } from '../panels.ts';

/** Rows that every service's dashboard has. */

/** Codes that tell of a failure of ours; all others tell the caller of its own. As in prometheus/alerts.yml. */
export const OWN_FAILURES = 'code=~"internal|unavailable|deadline_exceeded|resource_exhausted"';

export function callsRow(service: string): Row {
  const own = `service="${service}"`;
  const calls = `rpc_server_requests_total{${own}}`;
  const failures = orZero(rate(`rpc_server_requests_total{${own}, ${OWN_FAILURES}}`));
  const durations = `rpc_server_duration_seconds{${own}}`;
  const shed = `rpc_server_shed_total{${own}}`;
  return {
    title: 'Calls answered',
    panels: [
      number('Instances up', 'none', `sum(up{job="${service}"})`),
      number('Calls', 'reqps', rate(calls)),
      number('Failed', 'percentunit', `(${failures}) / ${rate(calls)}`, { redFrom: 0.05 }),
      number('p99', 's', quantile(0.99, durations)),
      number('Under way', 'short', `sum(rpc_server_in_flight{${own}})`),
      number('Shed', 'reqps', orZero(rate(shed)), { redFrom: 0.1 }),
      graph('Calls by method', 'reqps', [{ expr: rate(calls, ['method']), legend: '{{method}}' }], { stacked: true }),
      graph('Outcomes', 'reqps', [{ expr: rate(calls, ['code']), legend: '{{code}}' }], { stacked: true }),
      graph('p99 by method', 's', [{ expr: quantile(0.99, durations, ['method']), legend: '{{method}}' }]),
      graph('Duration', 's', quantiles(durations)),
      graph('Under way by method', 'short', [
        { expr: `sum by (method) (rpc_server_in_flight{${own}})`, legend: '{{method}}' },
      ]),
      graph('Limit of calls at a time, and calls shed', 'short', [
        { expr: `sum(rpc_server_concurrency_limit{${own}})`, legend: 'limit' },
        { expr: orZero(rate(shed)), legend: 'shed a second' },
      ]),
    ],
  };
}

export function httpRow(service: string): Row {
  const own = `service="${service}"`;
  return {
    title: 'HTTP',
    panels: [
      graph('Requests by address', 'reqps', [
        { expr: rate(`http_requests_total{${own}}`, ['route', 'status']), legend: '{{route}} {{status}}' },
      ]),
      graph('p99 by address', 's', [
        { expr: quantile(0.99, `http_request_duration_seconds{${own}}`, ['route']), legend: '{{route}}' },
      ]),
      graph('Failures by kind', 'reqps', [
        { expr: orZero(rate(`http_errors_total{${own}}`, ['kind'])), legend: '{{kind}}' },
      ]),
    ],
  };
}

/** Of a service that calls others. */
export function peersRow(service: string): Row {
  const own = `service="${service}"`;
  return {
    title: 'Calls made',
    panels: [
      graph('Calls by peer and method', 'reqps', [
        { expr: rate(`rpc_client_requests_total{${own}}`, ['peer', 'method']), legend: '{{peer}} {{method}}' },
      ]),
      graph('Outcomes by peer', 'reqps', [
        { expr: rate(`rpc_client_requests_total{${own}}`, ['peer', 'code']), legend: '{{peer}} {{code}}' },
      ]),
      graph('p99 by peer and method', 's', [
        {
          expr: quantile(0.99, `rpc_client_duration_seconds{${own}}`, ['peer', 'method']),
          legend: '{{peer}} {{method}}',
        },
      ]),
      graph('Retries, and why there was none', 'ops', [
        { expr: orZero(rate(`rpc_client_retries_total{${own}}`, ['peer', 'outcome'])), legend: '{{peer}} {{outcome}}' },
      ]),
      graph('Retries that the budget allows', 'short', [
        { expr: orZero(`min by (peer) (rpc_client_retry_budget{${own}})`), legend: '{{peer}}' },
      ]),
      graph(
        'Circuit breakers',
        'short',
        [{ expr: `max by (peer, endpoint) (rpc_client_breaker_state{${own}})`, legend: '{{peer}} {{endpoint}}' }],
        { description: '0 closed, 1 half-open, 2 open', redFrom: 2 },
      ),
    ],
  };
}

export function databaseRow(service: string): Row {
  const own = `service="${service}"`;
  return {
    title: 'Database',
    panels: [
      graph('Connections', 'short', [
        { expr: `sum by (state) (db_pool_connections{${own}})`, legend: '{{state}}' },
        { expr: `sum(db_pool_connections_max{${own}})`, legend: 'at most' },
      ]),
      graph('Wait for a connection', 's', quantiles(`db_pool_wait_seconds{${own}}`)),
      graph('p95 by statement', 's', [
        { expr: quantile(0.95, `db_query_duration_seconds{${own}}`, ['query']), legend: '{{query}}' },
      ]),
    ],
  };
}

export function backgroundPanel(service: string) {
  const failures = `max by (background) (background_failures_in_a_row{service="${service}"})`;
  return graph('Background work: rounds failed in a row', 'short', [{ expr: failures, legend: '{{background}}' }], {
    redFrom: 1,
  });
}

export function processRow(service: string): Row {
  const own = `service="${service}"`;
  return {
    title: 'Process',
    panels: [
      graph('Event loop lag, p99', 's', [
        { expr: `max by (instance) (nodejs_eventloop_lag_p99_seconds{${own}})`, legend: '{{instance}}' },
      ]),
      graph('CPU', 'percentunit', [
        { expr: rate(`process_cpu_seconds_total{${own}}`, ['instance']), legend: '{{instance}}' },
      ]),
      graph('Memory', 'bytes', [
        { expr: `sum by (instance) (process_resident_memory_bytes{${own}})`, legend: '{{instance}}' },
      ]),
    ],
  };
}
