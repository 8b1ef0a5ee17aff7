import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Registry } from 'prom-client';
import { eventually } from 'testing';
import { createWebhook } from '../src/webhook/client.ts';
import { type JournalGround, openJournalGround, startReplica, statement } from './journal-ground.ts';
import { createEvents } from './order-events.ts';

const SECRET = 'known to both';
/** https://fetch.spec.whatwg.org/#port-blocking */
const PORT_BLOCKED_FOR_BROWSERS = 10_080;

interface Received {
  readonly key: string;
  readonly signature: string | undefined;
  readonly authorization: string | undefined;
  /** Path and query. */
  readonly path: string | undefined;
  readonly body: string;
  readonly headers: IncomingHttpHeaders;
}

/** A receiver whose answers the test decides. */
interface Receiver extends AsyncDisposable {
  readonly url: string;
  /** All requests, also refused ones. */
  readonly received: Received[];
  /** The accepted bodies, each key once. */
  readonly accepted: string[];
}

/** @returns whether to accept the request; if not, the function has answered it */
type Mood = (request: Received, response: ServerResponse) => boolean | Promise<boolean>;

async function startReceiver(mood: Mood = () => true, port = 0): Promise<Receiver> {
  const received: Received[] = [];
  const accepted = new Map<string, string>();
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const key = String(request.headers['idempotency-key']);
    const { authorization, 'x-signature-256': signature } = request.headers as Record<string, string | undefined>;
    const one = { key, signature, authorization, path: request.url, body, headers: request.headers };
    received.push(one);
    if (!(await mood(one, response))) return;
    if (!accepted.has(key)) accepted.set(key, body);
    if (!response.writableEnded && !response.destroyed) response.writeHead(200).end('thank you');
  };
  const server = createServer((request, response) => void answer(request, response).catch(() => response.destroy()));
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    received,
    get accepted() {
      return [...accepted.values()];
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function seqsByOrder(bodies: readonly string[]): Map<string, number[]> {
  const seqs = new Map<string, number[]>();
  for (const body of bodies) {
    // By text, for JavaScript's numbers do not hold them.
    const order = /"orderID":(-?\d+)/.exec(body)?.[1] ?? '';
    seqs.set(order, [...(seqs.get(order) ?? []), Number(/"seq":(\d+)/.exec(body)?.[1])]);
  }
  return seqs;
}

describe('The webhook', () => {
  let ground: JournalGround;
  beforeEach(async () => {
    ground = await openJournalGround(['webhook']);
  });
  afterEach(() => ground[Symbol.asyncDispose]());

  async function startCaller(url: string, registry = new Registry()): Promise<AsyncDisposable> {
    await using resources = new AsyncDisposableStack();
    const webhook = resources.use(createWebhook({ url, secret: SECRET, userAgent: 'tests', registry }));
    resources.use(await startReplica({ database: ground.database, webhook, registry }));
    const owned = resources.move();
    return { [Symbol.asyncDispose]: () => owned.disposeAsync() };
  }

  /** Ends the delays after failures, which grow too long for a test. */
  async function drainedWithoutDelays(): Promise<void> {
    await eventually('everything is delivered', async () => {
      const postponed = "available_at > now() AND available_at < now() + interval '20 seconds'";
      await ground.database.run('test', statement(`UPDATE deliveries SET available_at = now() WHERE ${postponed}`));
      return (await ground.queued()) === 0;
    });
  }

  it('reaches a receiver on a port that browsers may not use', async () => {
    await using receiver = await startReceiver(() => true, PORT_BLOCKED_FOR_BROWSERS);
    await using _caller = await startCaller(receiver.url);
    await ground.store(createEvents(1));
    await ground.drained();
    assert.equal(receiver.accepted.length, 1);
  });

  it('posts each notification with its id as the key, signed, with every digit', async () => {
    await using receiver = await startReceiver();
    await using _caller = await startCaller(receiver.url);
    const [event] = createEvents(1, { orderID: 2n ** 63n - 1n, user: -(2n ** 63n) });
    assert.ok(event);
    await ground.store([event]);
    await ground.drained();
    const [request] = receiver.received;
    assert.equal(receiver.received.length, 1);
    const body = `{"eventID":"${event.eventID}","orderID":9223372036854775807,"seq":1,"user":-9223372036854775808,"status":"new","at":"${event.at.toISOString()}","text":"Order 9223372036854775807 was received."}`;
    assert.equal(request?.body, body);
    assert.equal(request?.key, event.eventID);
    assert.equal(request?.signature, `sha256=${createHmac('sha256', SECRET).update(body).digest('hex')}`);
  });

  it('receives the trace of the event if tracing is off, and no baggage', async () => {
    const trace = {
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      tracestate: 'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE',
      baggage: 'user=alice',
    };
    await using receiver = await startReceiver();
    await using _caller = await startCaller(receiver.url);
    await ground.store(createEvents(1), trace);
    await ground.drained();
    const { traceparent, tracestate, baggage } = receiver.received[0]?.headers ?? {};
    assert.deepEqual({ traceparent, tracestate, baggage }, { ...trace, baggage: undefined });
  });

  it('is called again after the date in its Retry-After', async () => {
    const headers = { date: 'Fri, 20 Nov 2026 08:00:00 GMT', 'retry-after': 'Friday, 20-Nov-26 08:01:00 GMT' };
    await using receiver = await startReceiver((_request, response) => {
      response.writeHead(503, headers).end();
      return false;
    });
    await using webhook = createWebhook({ url: receiver.url, userAgent: 'tests', registry: new Registry() });
    const [event] = createEvents(1);
    assert.ok(event);
    const delivery = webhook.deliver({ ...event, text: 'a text' }, { signal: new AbortController().signal });
    await assert.rejects(delivery, { code: 'unavailable', retryAfterMs: 60_000 });
    assert.equal(receiver.received.length, 1);
  });

  const userinfos: Record<string, string | undefined> = {
    'u:p': 'u:p',
    'u:p%40%3A%2F%C3%A9': 'u:p@:/é',
    'u:': 'u:',
    u: 'u:',
    ':p': ':p',
    'u:a:b': 'u:a:b',
  };
  for (const [userinfo, decoded] of Object.entries(userinfos)) {
    it(`receives Basic authentication if its URL holds ${userinfo}@`, async () => {
      await using receiver = await startReceiver();
      await using _caller = await startCaller(`${receiver.url.replace('//', `//${userinfo}@`)}?x=1`);
      await ground.store(createEvents(1));
      await ground.drained();
      const [request] = receiver.received;
      assert.equal(request?.authorization, `Basic ${Buffer.from(decoded ?? '').toString('base64')}`);
      assert.equal(request?.path, '/hook?x=1');
    });
  }

  it('is called while no transaction is open', async () => {
    const idle = "datname = current_database() AND state LIKE 'idle in transaction%'";
    const countIdle = async (): Promise<number> =>
      (await ground.database.run('test', statement(`SELECT FROM pg_stat_activity WHERE ${idle}`))).length;
    const seen: number[] = [];
    await using receiver = await startReceiver(async () => {
      seen.push(await countIdle());
      return true;
    });
    await ground.store(createEvents(3));
    await using _caller = await startCaller(receiver.url);
    await ground.drained();
    assert.deepEqual(seen, [0, 0, 0]);
    const countWithin = ground.database.transaction(async (executor) => {
      await executor.run('test', statement('SELECT 1'));
      return countIdle();
    });
    assert.equal(await countWithin, 1, 'the query sees an open transaction');
  });

  it('delivers each notification in order, from two replicas, to a receiver that fails in every way', async () => {
    const statuses = [500, 503, 429, 408, 302, 400];
    let requests = 0;
    await using receiver = await startReceiver((_request, response) => {
      // For a while: the breaker lets little through while half of the requests fail.
      const turn = requests++;
      if (turn >= 24) return true;
      // Accepted without an answer: it arrives again, under the same key.
      if (turn % 12 === 3 || turn % 12 === 7) {
        response.destroy();
        return true;
      }
      const status = statuses[(turn % 12) / 2];
      if (status === undefined) return true;
      response.writeHead(status).end('not now');
      return false;
    });
    await using _one = await startCaller(receiver.url);
    await using _two = await startCaller(receiver.url);
    const orders = Array.from({ length: 10 }, () => createEvents(4));
    await Promise.all(orders.map((events) => ground.store(events)));
    await drainedWithoutDelays();
    const seqsOf = seqsByOrder(receiver.accepted);
    assert.equal(seqsOf.size, 10);
    for (const seqs of seqsOf.values()) assert.deepEqual(seqs, [1, 2, 3, 4]);
    assert.ok(receiver.received.length > receiver.accepted.length, 'nothing was posted twice');
  });

  it('blocks only the order whose notification is refused, and gives it up in the end', async () => {
    const [poison, ...others] = Array.from({ length: 5 }, () => createEvents(3));
    const refusedKey = poison?.[0]?.eventID;
    await using receiver = await startReceiver(({ key }, response) => {
      if (key !== refusedKey) return true;
      response.writeHead(422).end();
      return false;
    });
    const registry = new Registry();
    await using _caller = await startCaller(receiver.url, registry);
    await Promise.all([poison ?? [], ...others].map((events) => ground.store(events)));
    await eventually('the other orders are delivered', async () => receiver.accepted.length === 12);
    await eventually('only the refused order waits', async () => (await ground.queued()) === 3);
    assert.equal(seqsByOrder(receiver.accepted).size, 4);
    // The refusals are counted. As if there had been many.
    const refuse =
      'UPDATE deliveries SET refusals = 19, available_at = now() WHERE seq = 1 AND refusals > 0 RETURNING seq';
    await eventually('it was refused', async () => {
      return (await ground.database.run('test', statement(refuse))).length === 1;
    });
    await eventually('its order continues', async () => receiver.accepted.length === 14);
    assert.deepEqual(seqsByOrder(receiver.accepted).get(String(poison?.[0]?.orderID)), [2, 3]);
    assert.match(await registry.metrics(), /^deliveries_dead_total\{sink="webhook"\} 1$/m);
    // The acknowledgement follows the answer of the receiver.
    await eventually('nothing waits', async () =>
      /^delivery_backlog\{sink="webhook"\} 0$/m.test(await registry.metrics()),
    );
  });

  it('times out on a receiver that never answers, and delivers later', async () => {
    let isSilent = true;
    await using receiver = await startReceiver((_request, response) => {
      if (!isSilent) return true;
      // The head of an answer whose body never ends.
      response.writeHead(500).write('please hold the line');
      return false;
    });
    await using _caller = await startCaller(receiver.url);
    await ground.store(createEvents(1));
    await eventually('it was tried', () => receiver.received.length > 0);
    isSilent = false;
    await drainedWithoutDelays();
    assert.equal(receiver.accepted.length, 1);
  });

  it('delivers notifications that were stored while the receiver was down', async () => {
    const gone = await startReceiver();
    const { url } = gone;
    await gone[Symbol.asyncDispose]();
    await ground.store(createEvents(3));
    const registry = new Registry();
    {
      await using _caller = await startCaller(url, registry);
      await eventually('it was tried', async () => {
        const [row] = await ground.database.run<{ attempts: number }>(
          'test',
          statement('SELECT max(attempts) AS attempts FROM deliveries'),
        );
        return (row?.attempts ?? 0) > 0;
      });
    }
    await using back = await startReceiver();
    await using _caller = await startCaller(back.url);
    await drainedWithoutDelays();
    assert.deepEqual([...seqsByOrder(back.accepted).values()], [[1, 2, 3]]);
  });
});
