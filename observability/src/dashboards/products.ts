import { type Dashboard, graph, rate } from '../panels.ts';
import { backgroundPanel, callsRow, databaseRow, httpRow, processRow } from './service-rows.ts';

export const products: Dashboard = {
  uid: 'order-mesh-products',
  title: 'products',
  description: 'Names and prices.',
  rows: [
    callsRow('products'),
    {
      title: 'Catalogue',
      panels: [
        graph('Changes of products', 'ops', [rate('product_changes_total', ['action'])]),
        backgroundPanel('products'),
      ],
    },
    databaseRow('products'),
    httpRow('products'),
    processRow('products'),
  ],
};
