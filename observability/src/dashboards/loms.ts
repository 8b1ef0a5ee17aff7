import { type Dashboard, graph, number, rate } from '../panels.ts';
import { backgroundPanel, callsRow, databaseRow, httpRow, peersRow, processRow } from './service-rows.ts';

export const loms: Dashboard = {
  uid: 'order-mesh-loms',
  title: 'loms',
  description: 'Orders, stock and the outbox.',
  rows: [
    callsRow('loms'),
    {
      title: 'Orders',
      panels: [
        number('Orders that await payment', 'short', 'max by (status) (orders_by_status)'),
        number('First overdue order', 's', 'max(orders_overdue_seconds)', { redFrom: 60 }),
        number('Oldest event not delivered', 's', 'max(outbox_lag_seconds)', { redFrom: 30 }),
        graph('Orders created', 'ops', [rate('orders_created_total', ['outcome'])]),
        graph('Status changes', 'ops', [rate('order_status_changes_total', ['status'])]),
        graph('Expired: not paid in time', 'ops', [{ expr: rate('orders_expired_total'), legend: 'expired' }]),
        graph('Orders that await payment, over time', 'short', ['max by (status) (orders_by_status)']),
        backgroundPanel('loms'),
      ],
    },
    peersRow('loms'),
    databaseRow('loms'),
    httpRow('loms'),
    processRow('loms'),
  ],
};
