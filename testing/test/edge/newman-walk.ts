import { ROUTES, type Route } from 'gateway/routes';

/** One request of the walk: a route, what differs from its example, and what later requests need of its answer. */
export interface Step {
  readonly route: `${Route['method']} ${string}`;
  readonly status: number;
  /** Path params and headers by name. `{{name}}` is a variable. */
  readonly set?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Variables, each with the JavaScript expression of its value; `body` is the answer. */
  readonly save?: Readonly<Record<string, string>>;
  /** A JavaScript expression that holds for the answer. */
  readonly check?: string;
}

const CREDENTIALS = { email: '{{email}}', password: '{{password}}' };
const SESSION = { bearerToken: 'body.accessToken', refreshToken: 'body.refreshToken' };

/** register → login → list products → cart → order → pay → my orders → refresh → logout */
export const BUYER_WALK: readonly Step[] = [
  { route: 'POST /auth/register', status: 201, body: CREDENTIALS },
  { route: 'POST /auth/login', status: 200, body: CREDENTIALS, save: SESSION },
  { route: 'GET /me', status: 200, check: "body.role === 'user'" },
  {
    route: 'GET /products',
    status: 200,
    set: { name: 'ENAMEL' },
    check: 'body.items.some(({ sku }) => sku === {{sku}})',
  },
  { route: 'GET /products/{sku}', status: 200, set: { sku: '{{sku}}' } },
  { route: 'POST /cart/items', status: 204, body: { sku: '{{sku}}', count: 2 } },
  { route: 'GET /cart', status: 200, check: 'body.totalPrice === 3980' },
  { route: 'POST /cart/purchase', status: 201, save: { orderID: 'body.orderID' } },
  {
    route: 'GET /orders/{id}',
    status: 200,
    set: { id: '{{orderID}}' },
    check: "body.items[0].name === 'Enamel kettle, 2 l'",
  },
  { route: 'POST /orders/{id}/pay', status: 200, set: { id: '{{orderID}}' }, check: "body.status === 'paid'" },
  {
    route: 'POST /orders',
    status: 201,
    body: { items: [{ sku: '{{sku}}', count: 1 }] },
    save: { other: 'body.orderID' },
  },
  { route: 'POST /orders/{id}/cancel', status: 200, set: { id: '{{other}}' } },
  { route: 'GET /orders', status: 200, check: 'body.items.length === 0', set: { status: 'awaiting_payment' } },
  { route: 'GET /notifications', status: 200 },
  { route: 'GET /users', status: 403 },
  { route: 'POST /auth/refresh', status: 200, body: { refreshToken: '{{refreshToken}}' }, save: SESSION },
  { route: 'GET /me/sessions', status: 200, check: 'body.items.some(({ current }) => current)' },
  { route: 'POST /auth/logout', status: 204, body: { refreshToken: '{{refreshToken}}' } },
  { route: 'POST /auth/refresh', status: 401, body: { refreshToken: '{{refreshToken}}' } },
];

/** An admin makes the product that the buyer then buys, and archives another. */
export const ADMIN_WALK: readonly Step[] = [
  { route: 'POST /auth/login', status: 200, body: CREDENTIALS, save: SESSION },
  { route: 'POST /products', status: 201, save: { sku: 'body.sku', etag: "pm.response.headers.get('etag')" } },
  {
    route: 'PUT /products/{sku}',
    status: 200,
    set: { sku: '{{sku}}', 'if-match': '{{etag}}' },
    body: { name: 'Enamel kettle, 2 l', price: 1990 },
  },
  { route: 'PUT /products/{sku}', status: 412, set: { sku: '{{sku}}', 'if-match': '{{etag}}' } },
  { route: 'POST /products/{sku}/stock', status: 200, set: { sku: '{{sku}}' }, check: 'body.onSale === 40' },
  { route: 'GET /users', status: 200, check: 'body.items.length > 0' },
  {
    route: 'POST /products',
    status: 201,
    body: { sku: 5000002, name: 'Old kettle', price: 1 },
    save: { oldTag: "pm.response.headers.get('etag')" },
  },
  { route: 'DELETE /products/{sku}', status: 204, set: { sku: '5000002', 'if-match': '{{oldTag}}' } },
];

/** The summary of a route, which is its name in Postman. */
export function summaryOf(route: Step['route']): string {
  const row = Object.values(ROUTES)
    .flat()
    .find(({ method, path }) => `${method} ${path}` === route);
  if (row === undefined) throw new Error(`There is no route ${route}.`);
  return row.summary;
}
