import { pino } from 'pino';
import { type HttpServer, serveHttp } from 'rpc-kit';
import { itKeepsItsDocuments } from 'testing';
import { type Loms, openLoms } from './loms-fixture.ts';

/** The skus of the documents' examples. */
const SKUS = [1_076_963, 139_275_865];

describe('loms', () => {
  let loms: Loms;
  let server: HttpServer;

  before(async () => {
    loms = await openLoms();
    server = await serveHttp(loms.service, { host: '127.0.0.1', port: 0, logger: pino({ level: 'silent' }) });
    for (const sku of SKUS) await loms.supply(sku, { 1: 1_000_000 });
    // The examples pay order 1 and cancel order 2.
    for (const sku of SKUS) await loms.client.createOrder({ user: 1n, items: [{ sku, count: 1 }] });
  });

  after(async () => {
    await server?.close(0);
    await loms?.[Symbol.asyncDispose]();
  });

  // A sku that comes twice counts as the sum, and the sum too has to be a uint16. A cursor has to come from an earlier page, and a
  // delta differs from 0.
  itKeepsItsDocuments({ url: () => server.url, ruledByWords: ['createOrder', 'listOrders', 'adjustStock'] });
});
