import { type Dashboard, graph, number, orZero, quantile, rate, table } from '../panels.ts';
import { OWN_FAILURES } from './service-rows.ts';

const CHOSEN = 'service=~"$service"';
const answered = `rpc_server_requests_total{${CHOSEN}}`;
const failed = `rpc_server_requests_total{${CHOSEN}, ${OWN_FAILURES}}`;
const made = `rpc_client_requests_total{${CHOSEN}}`;
const madeAndFailed = `rpc_client_requests_total{${CHOSEN}, ${OWN_FAILURES}}`;
const EDGE = ['service', 'peer'];
const edge = '{{service}} → {{peer}}';

/** A service without failures has no series of failures: its share is 0. */
const shareOf = (part: string, whole: string, by: readonly string[]) =>
  `(${rate(part, by)} or 0 * ${rate(whole, by)}) / ${rate(whole, by)}`;

export const mesh: Dashboard = {
  uid: 'order-mesh-overview',
  title: 'mesh overview',
  description: 'Rate, errors and duration of each service, and of each edge from caller to callee.',
  variables: [{ name: 'service', label: 'service', query: 'label_values(http_requests_total, service)' }],
  rows: [
    {
      title: 'All',
      panels: [
        number('Instances up', 'none', 'sum(up{job=~"$service"})'),
        number('Calls answered', 'reqps', rate(answered)),
        number('Failed', 'percentunit', `(${orZero(rate(failed))}) / ${rate(answered)}`, { redFrom: 0.05 }),
        number('Breakers not closed', 'none', orZero(`count(rpc_client_breaker_state{${CHOSEN}} > 0)`), { redFrom: 1 }),
        number('Alerts firing', 'none', orZero('count(ALERTS{alertstate="firing"})'), { redFrom: 1 }),
      ],
    },
    {
      title: 'Services',
      panels: [
        graph('Rate', 'reqps', [rate(answered, ['service'])]),
        graph(
          'Errors: share of failed calls',
          'percentunit',
          [{ expr: shareOf(failed, answered, ['service']), legend: '{{service}}' }],
          { description: 'internal, unavailable, deadline_exceeded, resource_exhausted', redFrom: 0.05 },
        ),
        graph('Duration, p99', 's', [quantile(0.99, `rpc_server_duration_seconds{${CHOSEN}}`, ['service'])]),
      ],
    },
    {
      title: 'Edges, measured by the caller',
      panels: [
        graph('Rate', 'reqps', [{ expr: rate(made, EDGE), legend: edge }]),
        graph('Errors', 'percentunit', [{ expr: shareOf(madeAndFailed, made, EDGE), legend: edge }], { redFrom: 0.05 }),
        graph('Duration, p99', 's', [
          { expr: quantile(0.99, `rpc_client_duration_seconds{${CHOSEN}}`, EDGE), legend: edge },
        ]),
        graph('Calls in flight', 'short', [
          { expr: `sum by (service, peer) (rpc_client_in_flight{${CHOSEN}})`, legend: edge },
        ]),
        graph('Retries sent', 'ops', [
          { expr: orZero(rate(`rpc_client_retries_total{${CHOSEN}, outcome="sent"}`, EDGE)), legend: edge },
        ]),
        graph('Endpoints ejected', 'ops', [
          { expr: orZero(rate(`rpc_client_endpoint_ejections_total{${CHOSEN}}`, EDGE)), legend: edge },
        ]),
      ],
    },
    {
      title: 'Details',
      panels: [
        table('Methods: calls a second', 'reqps', rate(answered, ['service', 'method', 'code'])),
        table('Alerts', 'none', orZero('sum by (alertname, service, severity) (ALERTS{alertstate="firing"})')),
        graph('Calls refused by the access check', 'reqps', [
          orZero(rate(`rpc_server_access_total{${CHOSEN}, decision!="allowed"}`, ['service', 'decision'])),
        ]),
        graph('Calls shed', 'reqps', [orZero(rate(`rpc_server_shed_total{${CHOSEN}}`, ['service']))]),
      ],
    },
  ],
};
