import { accounts } from './dashboards/accounts.ts';
import { checkout } from './dashboards/checkout.ts';
import { database } from './dashboards/database.ts';
import { events } from './dashboards/events.ts';
import { gateway } from './dashboards/gateway.ts';
import { loms } from './dashboards/loms.ts';
import { mesh } from './dashboards/mesh.ts';
import { node } from './dashboards/node.ts';
import { notifications } from './dashboards/notifications.ts';
import { products } from './dashboards/products.ts';
import { toGrafana } from './grafana.ts';
import type { Dashboard } from './panels.ts';

export const DASHBOARDS: readonly Dashboard[] = [
  mesh,
  gateway,
  accounts,
  checkout,
  loms,
  notifications,
  products,
  database,
  events,
  node,
];

/** The files for Grafana; `make generate` writes them. */
export const dashboardFiles = DASHBOARDS.map((dashboard) => ({
  path: `observability/grafana/dashboards/${dashboard.uid}.json`,
  make: () => `${JSON.stringify(toGrafana(dashboard), undefined, 2)}\n`,
}));
