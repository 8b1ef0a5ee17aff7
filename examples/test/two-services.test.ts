import assert from 'node:assert/strict';
import { createClient, createHttpTransport } from 'rpc-kit';
import { pickFreePorts } from 'testing';
import { basket } from '../two-services/basket-contract.ts';
import { type Program, startProgram } from './programs.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SKUS = { skus: [7, 8, 9] };
const TOTAL = { total: 2_698n, unknown: [9] };

describe('The example of two services', () => {
  let stack: AsyncDisposableStack;
  let prices: readonly [Program, Program];
  let toBasket: Program;
  beforeEach(async () => {
    stack = new AsyncDisposableStack();
    prices = await Promise.all([
      startProgram(stack, 'two-services/prices.ts'),
      startProgram(stack, 'two-services/prices.ts'),
    ]);
    const PRICES_URLS = prices.map(({ url }) => url).join();
    toBasket = await startProgram(stack, 'two-services/basket.ts', { PRICES_URLS });
  });
  afterEach(() => stack.disposeAsync());

  it('logs a call in both services under one request id and one trace', async () => {
    const headers = {
      'content-type': 'application/json',
      'x-request-id': 'ticket-1',
      traceparent: `00-${TRACE}-b7ad6b7169203331-01`,
    };
    const answer = await fetch(`${toBasket.url}/total`, { method: 'POST', headers, body: JSON.stringify(SKUS) });
    assert.deepEqual(await answer.json(), { total: 2_698, unknown: [9] });
    await toBasket.stop();
    await Promise.all(prices.map(({ stop }) => stop()));
    const lines = [toBasket, ...prices].flatMap((program) => program.lines.map((line) => JSON.parse(line)));
    const calls = lines.filter(({ request_id }) => request_id === 'ticket-1');
    assert.deepEqual(calls.map(({ name, method }) => `${name} ${method}`).sort(), [
      'basket total',
      ...Array(3).fill('prices priceOf'),
    ]);
    assert.deepEqual([...new Set(calls.map(({ trace_id }) => trace_id))], [TRACE]);
  });

  it('counts calls, breakers and the limit', async () => {
    await using transport = createHttpTransport(toBasket.url, { userAgent: 'test' });
    await createClient(basket, transport).total(SKUS);
    const metrics = await (await fetch(`${toBasket.url}/metrics`)).text();
    for (const line of [
      'rpc_server_requests_total{service="basket",method="total",code="ok"} 1',
      'rpc_client_requests_total{peer="prices",method="priceOf",code="not_found"} 1',
      ...prices.map(({ url }) => `rpc_client_breaker_state{peer="prices",endpoint="${url}"} 0`),
      'rpc_server_concurrency_limit 50',
    ]) {
      assert.ok(metrics.includes(`${line}\n`), line);
    }
  });

  it('answers every call when a replica of prices is killed', async () => {
    await using transport = createHttpTransport(toBasket.url, { userAgent: 'test' });
    const client = createClient(basket, transport);
    assert.deepEqual(await client.total(SKUS), TOTAL);
    assert.equal(await prices[0].stop('SIGKILL'), null);
    for (let call = 0; call < 20; call++) assert.deepEqual(await client.total(SKUS), TOTAL);
  });

  it('ends with exit code 0 when it is stopped', async () => {
    assert.deepEqual(await Promise.all([toBasket, ...prices].map(({ stop }) => stop())), [0, 0, 0]);
  });
});

describe('npm start of the two services', () => {
  it('serves both until it is stopped', async () => {
    await using stack = new AsyncDisposableStack();
    const ports = await pickFreePorts(3);
    const all = await startProgram(stack, 'two-services/start.ts', { PORTS: ports.join() }, 3);
    await using transport = createHttpTransport(`http://127.0.0.1:${ports[1]}`, { userAgent: 'test' });
    assert.deepEqual(await createClient(basket, transport).total(SKUS), TOTAL);
    assert.equal(await all.stop('SIGINT'), 0);
  });

  it('goes on when one prices is killed', async () => {
    await using stack = new AsyncDisposableStack();
    const ports = await pickFreePorts(3);
    const all = await startProgram(stack, 'two-services/start.ts', { PORTS: ports.join() }, 3);
    await using transport = createHttpTransport(`http://127.0.0.1:${ports[1]}`, { userAgent: 'test' });
    const client = createClient(basket, transport);
    const { pid } = all.lines.map((line) => JSON.parse(line)).find(({ name }) => name === 'prices');
    process.kill(pid, 'SIGKILL');
    for (let call = 0; call < 20; call++) assert.deepEqual(await client.total(SKUS), TOTAL);
    assert.equal(await all.stop('SIGINT'), 0);
  });
});
