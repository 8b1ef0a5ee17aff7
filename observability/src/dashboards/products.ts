import type { Dashboard } from '../panels.ts';
import { callsRow, databaseRow, httpRow, processRow } from './service-rows.ts';

export const products: Dashboard = {
  uid: 'order-mesh-products',
  title: 'products',
  description: 'Names and prices.',
  rows: [callsRow('products'), databaseRow('products'), httpRow('products'), processRow('products')],
};
