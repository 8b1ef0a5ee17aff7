import { type Dashboard, graph, orZero, rate } from '../panels.ts';
import { backgroundPanel, callsRow, databaseRow, httpRow, processRow } from './service-rows.ts';

const reads = (source: string) => orZero(rate(`notifications_history_reads_total${source}`));

export const notifications: Dashboard = {
  uid: 'order-mesh-notifications',
  title: 'notifications',
  description: 'Notifications of users and their delivery.',
  rows: [
    callsRow('notifications'),
    {
      title: 'Notifications',
      panels: [
        graph('Stored, by status', 'ops', [rate('notifications_stored_total', ['status'])]),
        graph('Delivered, by sink', 'ops', [
          { expr: orZero(rate('deliveries_total', ['sink'])), legend: 'delivered {{sink}}' },
          { expr: orZero(rate('delivery_failures_total', ['sink'])), legend: 'failed {{sink}}' },
        ]),
        graph('Pages of history from the cache', 'percentunit', [
          { expr: `(${reads('{source="cache"}')}) / (${reads('')})`, legend: 'from the cache' },
        ]),
        backgroundPanel('notifications'),
      ],
    },
    databaseRow('notifications'),
    httpRow('notifications'),
    processRow('notifications'),
  ],
};
