import { graph, number, orZero, quantile, quantiles, type Row, rate } from '../panels.ts';

/** Rows of every service's dashboard. */

/** Codes that mean a fault of the service, not of the caller. The same as in prometheus/alerts.yml. */
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
      number('In flight', 'short', `sum(rpc_server_in_flight{${own}})`),
      number('Shed', 'reqps', orZero(rate(shed)), { redFrom: 0.1 }),
      graph('Calls by method', 'reqps', [rate(calls, ['method'])], { stacked: true }),
      graph('Outcomes', 'reqps', [rate(calls, ['code'])], { stacked: true }),
      graph('p99 by method', 's', [quantile(0.99, durations, ['method'])]),
      graph('Duration', 's', quantiles(durations)),
      graph('In flight by method', 'short', [`sum by (method) (rpc_server_in_flight{${own}})`]),
      graph('Faults injected on purpose (FAULTS)', 'ops', [
        orZero(rate(`rpc_faults_injected_total{${own}}`, ['method', 'kind'])),
      ]),
      graph('Concurrency limit, and calls shed', 'short', [
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
      graph('Requests by route', 'reqps', [rate(`http_requests_total{${own}}`, ['route', 'status'])]),
      graph('p99 by route', 's', [quantile(0.99, `http_request_duration_seconds{${own}}`, ['route'])]),
      graph('Failures by kind', 'reqps', [orZero(rate(`http_errors_total{${own}}`, ['kind']))]),
    ],
  };
}

/** Of a service that calls others. */
export function peersRow(service: string): Row {
  const own = `service="${service}"`;
  return {
    title: 'Calls made',
    panels: [
      graph('Calls by peer and method', 'reqps', [rate(`rpc_client_requests_total{${own}}`, ['peer', 'method'])]),
      graph('Outcomes by peer', 'reqps', [rate(`rpc_client_requests_total{${own}}`, ['peer', 'code'])]),
      graph('p99 by peer and method', 's', [quantile(0.99, `rpc_client_duration_seconds{${own}}`, ['peer', 'method'])]),
      graph('Retries by outcome', 'ops', [orZero(rate(`rpc_client_retries_total{${own}}`, ['peer', 'outcome']))]),
      graph('Second attempts at slow reads (HEDGE_READS)', 'ops', [
        orZero(rate(`rpc_client_hedges_total{${own}}`, ['peer', 'outcome'])),
      ]),
      graph('Retry budget', 'short', [orZero(`min by (peer) (rpc_client_retry_budget{${own}})`)]),
      graph('Circuit breakers', 'short', [`max by (peer, endpoint) (rpc_client_breaker_state{${own}})`], {
        description: '0 closed, 1 half-open, 2 open',
        redFrom: 2,
      }),
    ],
  };
}

export function databaseRow(service: string): Row {
  const own = `service="${service}"`;
  return {
    title: 'Database',
    panels: [
      graph('Connections', 'short', [
        `sum by (state) (db_pool_connections{${own}})`,
        { expr: `sum(db_pool_connections_max{${own}})`, legend: 'maximum' },
      ]),
      graph('Wait for a connection', 's', quantiles(`db_pool_wait_seconds{${own}}`)),
      graph('p95 by statement', 's', [quantile(0.95, `db_query_duration_seconds{${own}}`, ['query'])]),
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
      graph('Event loop lag, p99', 's', [`max by (instance) (nodejs_eventloop_lag_p99_seconds{${own}})`]),
      graph('CPU', 'percentunit', [rate(`process_cpu_seconds_total{${own}}`, ['instance'])]),
      graph('Memory', 'bytes', [`sum by (instance) (process_resident_memory_bytes{${own}})`]),
    ],
  };
}
