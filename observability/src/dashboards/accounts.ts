import { type Dashboard, graph, number, orZero, quantiles, rate } from '../panels.ts';
import { backgroundPanel, callsRow, databaseRow, httpRow, processRow } from './service-rows.ts';

export const accounts: Dashboard = {
  uid: 'order-mesh-accounts',
  title: 'accounts',
  description: 'People, logins, sessions and signing keys.',
  rows: [
    callsRow('accounts'),
    {
      title: 'People',
      panels: [
        number('Active users', 'short', 'max(active_users)'),
        number('Sessions', 'short', 'max(sessions)'),
        number('Registrations', 'ops', rate('registrations_total')),
        graph('Logins by outcome', 'ops', [rate('logins_total', ['outcome'])], { stacked: true }),
        graph('Refreshes by outcome', 'ops', [rate('refreshes_total', ['outcome'])], {
          description: 'reused: a copy of an old refresh token was used, and its session has ended.',
        }),
        backgroundPanel('accounts'),
      ],
    },
    {
      title: 'Passwords',
      panels: [
        graph('Password hashes', 'short', ['sum by (state) (password_hashes)']),
        graph('Duration of a hash', 's', quantiles('password_hash_duration_seconds')),
        graph('Calls refused because hashes waited', 'reqps', [orZero(rate('password_hashes_refused_total'))]),
      ],
    },
    databaseRow('accounts'),
    httpRow('accounts'),
    processRow('accounts'),
  ],
};
