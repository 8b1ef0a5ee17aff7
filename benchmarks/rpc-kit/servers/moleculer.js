import { ServiceBroker } from 'moleculer';
import gateway from 'moleculer-web';
import { handlers, ITEMS_MAX, UINT16_MAX, UINT32_MAX } from '../work.ts';

const integer = (min, max) => ({ type: 'number', integer: true, min, max });
const sku = integer(0, UINT32_MAX);

const params = {
  createOrder: {
    $$strict: true,
    user: { type: 'number', integer: true },
    items: {
      type: 'array',
      min: 1,
      max: ITEMS_MAX,
      items: { type: 'object', strict: true, props: { sku, count: integer(1, UINT16_MAX) } },
    },
  },
  stocks: { $$strict: true, sku },
};

/**
 * Moleculer: the HTTP gateway moleculer-web in front of a validated action, both in one process and without a
 * transporter, so a call crosses the network once, as with the others. The reply is not checked.
 */
export async function start() {
  const broker = new ServiceBroker({ logger: false, metrics: false, tracing: false });
  broker.createService({
    name: 'loms',
    actions: Object.fromEntries(
      Object.entries(handlers).map(([name, handler]) => [
        name,
        { params: params[name], handler: (context) => handler(context.params) },
      ]),
    ),
  });
  const api = broker.createService({
    name: 'api',
    mixins: [gateway],
    settings: {
      ip: '127.0.0.1',
      port: 0,
      routes: [
        {
          path: '/',
          mappingPolicy: 'restrict',
          bodyParsers: { json: true },
          aliases: { 'POST createOrder': 'loms.createOrder', 'POST stocks': 'loms.stocks' },
        },
      ],
    },
  });
  await broker.start();
  return api.server.address().port;
}
