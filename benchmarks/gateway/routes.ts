import { closedLoop, type Sample, type Timing } from '../harness/closed-loop.ts';
import { openConnection, withConnections } from '../harness/connection.ts';
import { cpuOf } from '../harness/cpu-time.ts';
import { startProcess } from '../harness/process.ts';
import { type Measurements, measureInRounds, measureRun, repeat } from '../harness/rounds.ts';
import type { Field } from './field.ts';
import { lanesOf, toBytes, toCall } from './requests.ts';

/** An answer of the gateway, which Fastify alone repeats. */
export interface Recorded {
  readonly status: number;
  readonly body: unknown;
}

export const ROUTES = {
  product: 'GET /v1/products/{sku}',
  cart: 'POST /v1/cart/items',
  order: 'GET /v1/orders/{id}',
} as const;
export type RouteName = keyof typeof ROUTES;
export const ROUTE_NAMES = Object.keys(ROUTES) as RouteName[];

/** What the direct call asks for: the service behind the route, by its main call. */
export const DIRECT = {
  product: 'products.get_products',
  cart: 'checkout.addToCart',
  order: 'loms.getOrder',
} as const satisfies Record<RouteName, string>;

export const RIVALS = ['Fastify alone', 'the direct call', 'the gateway'] as const;
export type RivalName = (typeof RIVALS)[number];

interface Rival {
  readonly name: RivalName;
  portOf(route: RouteName): number;
  requestOf(route: RouteName): Promise<Buffer>;
  readonly expected: Readonly<Record<RouteName, { readonly status: number; readonly text: string }>>;
  /** Microseconds of CPU time of the process that answers the route; NaN where that is unknown. */
  cpuOf(route: RouteName): Promise<number>;
}

interface Options {
  readonly rounds: number;
  readonly timing: Timing;
  readonly warmUpCalls: number;
  readonly warmUpMsMax: number;
}

/** The route through the gateway, its main call without the gateway, and Fastify that answers the same from memory. */
export async function measureRoutes(
  stack: AsyncDisposableStack,
  field: Field,
  { rounds, timing, warmUpCalls, warmUpMsMax }: Options,
): Promise<{ measurements: Measurements<RouteName>; leftOut: readonly string[] }> {
  const rivals = [await openFastify(stack, field), openDirect(field), openGateway(field)];
  const run = async (rival: Rival, route: RouteName): Promise<Sample> => {
    const request = await rival.requestOf(route);
    const drive = (connections: Parameters<typeof lanesOf>[0]) =>
      closedLoop(
        lanesOf(connections, () => request, rival.expected[route]),
        timing,
      );
    return withConnections(rival.portOf(route), timing.concurrency, drive);
  };
  return measureInRounds<Rival, RouteName, Awaited<ReturnType<typeof measureRun>>>({
    contestants: rivals,
    subjects: ROUTE_NAMES,
    rounds,
    async warmUp(rival) {
      let calls = 0;
      for (const route of ROUTE_NAMES) calls += await repeat(() => run(rival, route), warmUpCalls, warmUpMsMax);
      await field.emptyCart();
      return calls;
    },
    async measure(rival, route) {
      const measured = await measureRun(
        () => run(rival, route),
        () => rival.cpuOf(route),
      );
      if (route === 'cart') await field.emptyCart();
      return measured;
    },
    log: console.log,
  });
}

const portOf = (url: string): number => Number(new URL(url).port);

/** The requests of a browser's program; they are the same for the gateway and for Fastify. */
async function restRequest({ sku, orderID, authorization }: Field, route: RouteName): Promise<Buffer> {
  if (route === 'product') return toBytes({ verb: 'GET', path: `/v1/products/${sku}` });
  const headers = { authorization: await authorization() };
  if (route === 'order') return toBytes({ verb: 'GET', path: `/v1/orders/${orderID}`, headers });
  return toBytes({ verb: 'POST', path: '/v1/cart/items', headers, body: { sku, count: 1 } });
}

const restExpected = ({ sku, orderID }: Field) => ({
  product: { status: 200, text: `"sku":${sku}` },
  cart: { status: 204, text: '' },
  order: { status: 200, text: `"orderID":"${orderID}"` },
});

function openGateway(field: Field): Rival {
  const { urls, pids } = field.mesh;
  return {
    name: 'the gateway',
    portOf: () => portOf(urls.gateway),
    requestOf: (route) => restRequest(field, route),
    expected: restExpected(field),
    cpuOf: async () => cpuOf(pids.gateway),
  };
}

async function openFastify(stack: AsyncDisposableStack, field: Field): Promise<Rival> {
  const child = stack.use(startProcess(new URL('fastify-alone.ts', import.meta.url)));
  const port = await child.ask<number>('port');
  const recorded: Record<string, Recorded> = {};
  for (const route of ROUTE_NAMES) {
    using connection = await openConnection(portOf(field.mesh.urls.gateway));
    const { status, body } = await connection.exchange(await restRequest(field, route));
    recorded[route] = { status, ...(body.length > 0 && { body: JSON.parse(body.toString()) }) } as Recorded;
  }
  await child.ask('answer', recorded);
  return {
    name: 'Fastify alone',
    portOf: () => port,
    requestOf: (route) => restRequest(field, route),
    expected: restExpected(field),
    cpuOf: () => child.ask<number>('cpu'),
  };
}

function openDirect({ mesh, sku, orderID, user, callerOf }: Field): Rival {
  const params = {
    product: { skus: [sku] },
    cart: { user: Number(user), sku, count: 1 },
    order: { orderID: Number(orderID) },
  };
  const serviceOf = (route: RouteName) => DIRECT[route].split('.') as ['products' | 'checkout' | 'loms', string];
  const result = { status: 200, text: '"result":{' };
  return {
    name: 'the direct call',
    portOf: (route) => portOf(mesh.urls[serviceOf(route)[0]]),
    async requestOf(route) {
      const [service, method] = serviceOf(route);
      return toCall(method, params[route], await callerOf(service));
    },
    expected: { product: result, cart: result, order: result },
    cpuOf: async (route) => cpuOf(mesh.pids[serviceOf(route)[0]]),
  };
}
