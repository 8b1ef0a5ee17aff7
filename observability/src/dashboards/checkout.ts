import { type Dashboard, graph, number, orZero, quantile, rate } from '../panels.ts';
import { backgroundPanel, callsRow, databaseRow, httpRow, peersRow, processRow } from './service-rows.ts';

const cards = (source: string) => orZero(rate(`checkout_product_cards_total${source}`));

export const checkout: Dashboard = {
  uid: 'order-mesh-checkout',
  title: 'checkout',
  description: 'Carts and purchases, and the limit of the product service.',
  rows: [
    callsRow('checkout'),
    {
      title: 'Carts and purchases',
      panels: [
        graph('Purchases settled, by outcome', 'ops', [rate('purchases_total', ['outcome'])]),
        graph('Cart changes', 'ops', [rate('cart_changes_total', ['change'])]),
        graph('Purchases resumed in the background', 'ops', [rate('purchases_resumed_total', ['result'])]),
        number('Pending purchases', 'short', 'max(purchases_pending)'),
        number('Oldest pending purchase', 's', 'max(purchases_pending_oldest_seconds)', { redFrom: 120 }),
        backgroundPanel('checkout'),
      ],
    },
    {
      title: 'Limit of the product service',
      panels: [
        graph('Calls waiting for the limiter', 'short', ['sum by (limiter) (rpc_limiter_waiting)']),
        graph('Limiter wait, p95', 's', [quantile(0.95, 'rpc_limiter_wait_seconds', ['limiter', 'outcome'])]),
        graph('Limiter outcomes', 'ops', [rate('rpc_limiter_wait_seconds_count', ['limiter', 'outcome'])]),
        number('Names and prices from the cache', 'percentunit', `(${cards('{source="cache"}')}) / (${cards('')})`),
      ],
    },
    peersRow('checkout'),
    databaseRow('checkout'),
    httpRow('checkout'),
    processRow('checkout'),
  ],
};
