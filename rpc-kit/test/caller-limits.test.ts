import assert from 'node:assert/strict';
import { pino } from 'pino';
import { type HttpServer, implement, limitCallers, serveHttp } from 'rpc-kit';
import { shop } from './call-stubs.ts';

/** As long as a test may take: what a caller has used up does not come back meanwhile. */
const INTERVAL_S = 60;

/** Of the plain face. */
type Refusal = { readonly error?: { readonly code: string } };
/** Of `/rpc`. */
type Answer = { readonly error?: { readonly data: { readonly code: string } } };

describe('the limit of each caller over HTTP', () => {
  let server: HttpServer;
  const nothing = async () => ({});

  beforeEach(async () => {
    const interceptors = [limitCallers({ tokens: 2, intervalMs: INTERVAL_S * 1_000 })];
    const service = implement(shop, { look: nothing, buy: nothing, ring: nothing }, { interceptors });
    server = await serveHttp(service, { host: '127.0.0.1', port: 0, logger: pino({ level: 'silent' }) });
  });
  afterEach(() => server.close(0));

  async function post<T>(path: string, caller: string, body: unknown) {
    const headers = { 'content-type': 'application/json', 'user-agent': caller };
    const answer = await fetch(server.url + path, { method: 'POST', headers, body: JSON.stringify(body) });
    const { status, headers: received } = answer;
    return {
      status,
      policy: received.get('ratelimit-policy'),
      left: received.get('ratelimit'),
      received,
      body: (await answer.json()) as T,
    };
  }

  it('is in the headers of every answer, and a call beyond it gets 429 with Retry-After', async () => {
    const answers = [];
    for (let each = 0; each < 3; each++) answers.push(await post<Refusal>('/ring', 'basket/1', {}));
    assert.deepEqual(
      answers.map(({ status, policy, left }) => [status, policy, left?.split(';t=')[0]]),
      [
        [200, `"caller";q=2;w=${INTERVAL_S}`, '"caller";r=1'],
        [200, `"caller";q=2;w=${INTERVAL_S}`, '"caller";r=0'],
        [429, `"caller";q=2;w=${INTERVAL_S}`, '"caller";r=0'],
      ],
    );
    const [, , refused] = answers;
    const pauseS = Number(refused?.received.get('retry-after'));
    assert.ok(pauseS > 0 && pauseS <= INTERVAL_S, `${pauseS}`);
    assert.equal(refused?.body.error?.code, 'resource_exhausted');
    assert.equal((await post('/ring', 'another/1', {})).status, 200);
  });

  it('counts each call of a batch, whose answer has the resulting limit', async () => {
    const batch = [1, 2, 3].map((id) => ({ jsonrpc: '2.0', id, method: 'ring', params: {} }));
    const { status, left, body } = await post<Answer[]>('/rpc', 'basket/1', batch);
    assert.deepEqual([status, left?.split(';t=')[0]], [200, '"caller";r=0']);
    assert.deepEqual(
      body.map(({ error }) => error?.data.code),
      [undefined, undefined, 'resource_exhausted'],
    );
  });
});
