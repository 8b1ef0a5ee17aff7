import { type Dashboard, graph, number, orZero, quantile, quantiles, rate } from '../panels.ts';
import { httpRow, peersRow, processRow } from './service-rows.ts';

const OWN = 'service="gateway"';
const requests = `http_requests_total{${OWN}}`;
const failures = orZero(rate(`http_requests_total{${OWN}, status=~"5.."}`));
const durations = `http_request_duration_seconds{${OWN}}`;
const limited = orZero(rate(`http_requests_total{${OWN}, status="429"}`));

export const gateway: Dashboard = {
  uid: 'order-mesh-gateway',
  title: 'gateway',
  description: 'The REST API: requests of people, their access tokens, and the calls that answer them.',
  rows: [
    {
      title: 'Requests',
      panels: [
        number('Instances up', 'none', 'sum(up{job="gateway"})'),
        number('Requests', 'reqps', rate(requests)),
        number('Failed', 'percentunit', `(${failures}) / ${rate(requests)}`, { redFrom: 0.05 }),
        number('p99', 's', quantile(0.99, durations)),
        number('Refused by a rate limit', 'reqps', limited),
        number('Ended sessions known for', 's', 'max(ended_sessions_age_seconds)', { redFrom: 30 }),
        graph('Blocks of tokens from accounts, by limit', 'ops', [
          orZero(rate('rpc_limiter_leases_total', ['limiter', 'outcome'])),
        ]),
        graph('Statuses', 'reqps', [rate(requests, ['status'])], { stacked: true }),
        graph('Duration', 's', quantiles(durations)),
        graph('Access tokens by outcome', 'reqps', [rate('access_tokens_total', ['outcome'])], { stacked: true }),
      ],
    },
    httpRow('gateway'),
    peersRow('gateway'),
    processRow('gateway'),
  ],
};
