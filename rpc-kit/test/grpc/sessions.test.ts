import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import sinon from 'sinon';
import type { GrpcTransport, GrpcTransportOptions } from '../../src/grpc/client/transport.ts';
import { testCall } from '../../src/testing.ts';
import { answerWith, createRawPeer, type RawCall, type RawPeer, type RawPeerOptions } from './raw-peer.ts';
import { failureOf, openStock, type StockClient } from './stock.ts';

const good = answerWith(Buffer.from('{"count":5}'));
const ANSWER = { count: 5n };

describe('The sessions of the gRPC client', () => {
  let open: AsyncDisposableStack;
  let clock: sinon.SinonFakeTimers | undefined;

  beforeEach(() => {
    open = new AsyncDisposableStack();
  });
  afterEach(async () => {
    clock?.restore();
    clock = undefined;
    await open[Symbol.asyncDispose]();
  });

  async function openPeer(options?: RawPeerOptions): Promise<RawPeer> {
    const peer = open.use(await createRawPeer(options));
    peer.behave(good);
    return peer;
  }

  function openClient(url: string, options?: Partial<GrpcTransportOptions>): StockClient {
    const { client, transport } = openStock(url, options);
    open.use(transport);
    return client;
  }

  const count = (client: StockClient, options = {}) => client.count({ sku: 1n }, options);
  const stopClock = (): sinon.SinonFakeTimers => {
    const toFake = ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'] as const;
    clock = sinon.useFakeTimers({ toFake: [...toFake], now: performance.now() });
    return clock;
  };
  /** Lets the network do its work while time stands still. */
  async function until(condition: () => boolean): Promise<void> {
    while (!condition()) await nextTurn();
  }

  /** The client has read a GOAWAY on the last connection once it acknowledges what is sent behind it. */
  async function leave({ connections, frames }: RawPeer): Promise<void> {
    const acknowledged = (): number => frames.filter((frame) => frame === 'SETTINGS 0').length;
    const before = acknowledged();
    connections.at(-1)?.goaway(1);
    connections.at(-1)?.settings();
    await until(() => acknowledged() > before);
  }

  /** Makes calls, each on a connection that no longer takes others when the next one begins. */
  async function leaveBehind(peer: RawPeer, client: StockClient, connections: number) {
    const held: RawCall[] = [];
    const calls: Promise<unknown>[] = [];
    peer.behave((call) => held.push(call));
    while (calls.length < connections) {
      calls.push(count(client));
      await until(() => held.length === calls.length);
      await leave(peer);
    }
    return { held, calls };
  }

  it('carry many calls at a time on one connection', async () => {
    const peer = await openPeer();
    const held: RawCall[] = [];
    peer.behave((call) => held.push(call));
    const client = openClient(peer.url);
    const calls = Array.from({ length: 100 }, () => count(client));
    await until(() => held.length === 100);
    for (const call of held) good(call);
    await Promise.all(calls);
    assert.equal(peer.connections.length, 1);
  });

  it('hold no more calls than the peer allows; further connections up to their limit take the rest, and the queue the last', async () => {
    const peer = await openPeer({ streamsMax: 3 });
    const held: RawCall[] = [];
    peer.behave((call) => held.push(call));
    const client = openClient(peer.url, { sessionsMax: 2, streamsMax: 5 });
    const calls = Array.from({ length: 8 }, () => count(client));
    await until(() => held.length === 6);
    for (let turn = 0; turn < 20; turn++) await nextTurn();
    assert.deepEqual(
      peer.connections.map((connection) => connection.calls),
      [3, 3],
    );
    for (const call of held.splice(0)) good(call);
    await until(() => held.length === 2);
    for (const call of held) good(call);
    await Promise.all(calls);
    assert.equal(peer.connections.length, 2);
  });

  it('hold no more calls than the client wants', async () => {
    const peer = await openPeer();
    const held: RawCall[] = [];
    peer.behave((call) => held.push(call));
    const client = openClient(peer.url, { sessionsMax: 1, streamsMax: 2 });
    const calls = Array.from({ length: 3 }, () => count(client));
    await until(() => held.length === 2);
    good(held[0] as RawCall);
    await until(() => held.length === 3);
    for (const call of held.slice(1)) good(call);
    await Promise.all(calls);
  });

  it('follow a limit that the peer changes', async () => {
    const peer = await openPeer({ streamsMax: 0 });
    const client = openClient(peer.url, { sessionsMax: 1 });
    const call = count(client);
    await until(() => peer.frames.includes('SETTINGS 0'));
    for (let turn = 0; turn < 20; turn++) await nextTurn();
    assert.equal(peer.connections[0]?.calls, 0);
    peer.connections[0]?.settings([3, 1]);
    assert.deepEqual(await call, ANSWER);
  });

  it('refuse a call beyond the queue as overloaded, which says nothing against the peer', async () => {
    const peer = await openPeer({ streamsMax: 1 });
    const held: RawCall[] = [];
    peer.behave((call) => held.push(call));
    const { client, transport } = openStock(peer.url, { sessionsMax: 1, waitingMax: 2 });
    open.use(transport);
    const first = count(client);
    await until(() => held.length === 1);
    const waiting = [count(client), count(client)];
    const call = testCall({ service: 'stock', method: 'count', params: { sku: 1 } });
    const { code, reason, neverSent, retryAfterMs } = await failureOf(transport.call(call));
    assert.deepEqual([code, reason, neverSent, retryAfterMs], ['unavailable', 'overloaded', false, 100]);
    peer.behave(good);
    good(held[0] as RawCall);
    await Promise.all([first, ...waiting]);
  });

  it('send nothing of a call that ends while it waits', async () => {
    const peer = await openPeer({ streamsMax: 1 });
    const held: RawCall[] = [];
    peer.behave((call) => held.push(call));
    const client = openClient(peer.url, { sessionsMax: 1 });
    const first = count(client);
    await until(() => held.length === 1);
    const leaver = new AbortController();
    const leaving = failureOf(count(client, { signal: leaver.signal }));
    leaver.abort();
    assert.equal((await leaving).code, 'cancelled');
    peer.behave(good);
    good(held[0] as RawCall);
    await first;
    await count(client);
    assert.equal(peer.connections[0]?.calls, 2);
  });

  it('reset the stream of a call whose caller leaves, and keep the connection', async () => {
    const peer = await openPeer();
    let isHeld = false;
    peer.behave(() => {
      isHeld = true;
    });
    const client = openClient(peer.url);
    const leaver = new AbortController();
    const leaving = failureOf(count(client, { signal: leaver.signal }));
    await until(() => isHeld);
    leaver.abort();
    assert.equal((await leaving).code, 'cancelled');
    await until(() => peer.frames.includes('RST_STREAM 1'));
    peer.behave(good);
    assert.deepEqual(await count(client), ANSWER);
    assert.equal(peer.connections.length, 1);
  });

  describe('after a GOAWAY', () => {
    it('that comes while nothing is in flight, fail no call: the next one takes another connection', async () => {
      const peer = await openPeer();
      const client = openClient(peer.url);
      await count(client);
      for (const code of [0, 2, 11]) {
        const before = peer.connections.length;
        peer.connections.at(-1)?.goaway(1, code);
        await until(() => peer.open === 0);
        assert.deepEqual(await count(client), ANSWER);
        assert.equal(peer.connections.length, before + 1);
      }
    });

    it('that comes before any call, fail none', async () => {
      const peer = await openPeer();
      let goaways = 0;
      peer.onConnection((connection) => {
        if (goaways++ < 1) connection.goaway(0);
      });
      const client = openClient(peer.url);
      assert.deepEqual(await count(client), ANSWER);
      assert.equal(peer.connections.length, 2);
    });

    it('complete the calls that it includes, and send further calls elsewhere', async () => {
      const peer = await openPeer();
      const held: RawCall[] = [];
      peer.behave((call) => held.push(call));
      const client = openClient(peer.url);
      const first = count(client);
      await until(() => held.length === 1);
      peer.connections[0]?.goaway(1);
      peer.behave(good);
      assert.deepEqual(await count(client), ANSWER);
      good(held[0] as RawCall);
      assert.deepEqual(await first, ANSWER);
      assert.equal(peer.connections.length, 2);
      await until(() => peer.open === 1);
    });

    it('leave room for others, as long as their last calls may take', async () => {
      const peer = await openPeer();
      const { held, calls } = await leaveBehind(peer, openClient(peer.url, { sessionsMax: 1 }), 3);
      for (const call of held) good(call);
      await Promise.all(calls);
    });

    it('are fifty at most that end with their last calls', async () => {
      const peer = await openPeer();
      const client = openClient(peer.url);
      const { held, calls } = await leaveBehind(peer, client, 50);
      peer.behave(good);
      const waiting = count(client);
      for (let turn = 0; turn < 20; turn++) await nextTurn();
      assert.equal(peer.connections.length, 50);
      good(held[0] as RawCall);
      assert.deepEqual(await waiting, ANSWER);
      for (const call of held.slice(1)) good(call);
      await Promise.all(calls);
    });

    it('send the calls that it excludes once more, and each is executed once', async () => {
      const peer = await openPeer();
      const held: RawCall[] = [];
      peer.behave((call) => held.push(call));
      const client = openClient(peer.url);
      const calls = [count(client), count(client), count(client)];
      await until(() => held.length === 3);
      peer.behave(good);
      peer.connections[0]?.goaway(1);
      good(held[0] as RawCall);
      await Promise.all(calls);
      assert.deepEqual(
        peer.connections.map((connection) => connection.calls),
        [3, 2],
      );
    });
  });

  it('that their peer closes without a word fail no later call', async () => {
    const peer = await openPeer();
    const client = openClient(peer.url);
    for (let calls = 1; calls <= 3; calls++) {
      assert.deepEqual(await count(client), ANSWER);
      peer.connections.at(-1)?.socket.end();
      await until(() => peer.open === 0);
      assert.equal(peer.connections.length, calls);
    }
  });

  it('are replaced before their stream ids end', async () => {
    const peer = await openPeer();
    const client = openClient(peer.url, { sessionCallsMax: 2 });
    for (let calls = 0; calls < 5; calls++) await count(client);
    assert.deepEqual(
      peer.connections.map((connection) => connection.calls),
      [2, 2, 1],
    );
  });

  describe('that cannot be opened', () => {
    async function closedPort(): Promise<number> {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as { port: number };
      server.close();
      await once(server, 'close');
      return port;
    }

    it('fail their calls as never sent, and the first call after the peer listens succeeds', async () => {
      const port = await closedPort();
      const client = openClient(`grpc://127.0.0.1:${port}`);
      const errors = await Promise.all([count(client), count(client)].map(failureOf));
      for (const { code, message, neverSent } of errors) {
        assert.deepEqual([code, message, neverSent], ['unavailable', 'stock cannot be reached', true]);
      }
      const peer = open.use(await createRawPeer({ port }));
      peer.behave(good);
      assert.deepEqual(await count(client), ANSWER);
    });

    it('are tried again after a pause that doubles, up to a second, and calls within the pause fail at once', async () => {
      const { tick } = stopClock();
      const client = openClient(`grpc://127.0.0.1:${await closedPort()}`, { random: () => 0.5 });
      const pauses: (number | undefined)[] = [];
      for (let attempts = 0; attempts < 8; attempts++) {
        assert.equal((await failureOf(count(client))).retryAfterMs, undefined);
        const { neverSent, retryAfterMs } = attempts === 0 ? { neverSent: true } : await failureOf(count(client));
        assert.equal(neverSent, true);
        pauses.push(retryAfterMs);
        tick(retryAfterMs ?? 0);
      }
      assert.deepEqual(pauses, [undefined, 25, 75, 175, 375, 500, 500, 500]);
    });

    it('because the peer does not greet, end after two seconds', async () => {
      const { tick } = stopClock();
      const peer = await openPeer({ greets: false });
      const client = openClient(peer.url);
      const call = failureOf(count(client));
      await until(() => peer.frames.length > 0);
      tick(2_000);
      const { code, neverSent } = await call;
      assert.deepEqual([code, neverSent], ['unavailable', true]);
      await until(() => peer.open === 0);
    });

    it('because the peer speaks HTTP/1, were never sent', async () => {
      const server = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')).listen(0, '127.0.0.1');
      await once(server, 'listening');
      open.defer(() => void server.close());
      const client = openClient(`grpc://127.0.0.1:${(server.address() as { port: number }).port}`);
      const { code, neverSent } = await failureOf(count(client));
      assert.deepEqual([code, neverSent], ['unavailable', true]);
    });
  });

  describe('in silence', () => {
    it('are probed by a PING while a call waits, and an answer keeps them', async () => {
      const { tick } = stopClock();
      const peer = await openPeer();
      const held: RawCall[] = [];
      peer.behave((call) => held.push(call));
      const client = openClient(peer.url);
      const call = count(client);
      await until(() => held.length === 1);
      tick(10_000);
      await until(() => peer.frames.includes('PING 0'));
      const acknowledged = (): number => peer.frames.filter((frame) => frame === 'SETTINGS 0').length;
      const before = acknowledged();
      // The client reads what is sent behind the answer to the PING after that answer.
      peer.connections[0]?.settings();
      await until(() => acknowledged() > before);
      peer.behave(good);
      assert.deepEqual(await count(client), ANSWER);
      tick(5_000);
      good(held[0] as RawCall);
      assert.deepEqual(await call, ANSWER);
      assert.equal(peer.connections.length, 1);
    });

    it('end two seconds after a PING without an answer, with all their calls', async () => {
      const { tick } = stopClock();
      const peer = await openPeer({ answersPings: false });
      const held: RawCall[] = [];
      peer.behave((call) => held.push(call));
      const client = openClient(peer.url);
      const call = failureOf(count(client));
      await until(() => held.length === 1);
      tick(10_000);
      await until(() => peer.frames.includes('PING 0'));
      tick(2_000);
      const { code, message, neverSent } = await call;
      assert.deepEqual([code, message, neverSent], ['unavailable', 'The connection to stock broke', false]);
      await until(() => peer.open === 0);
    });

    it('take no further calls after one that met its deadline unheard, until the peer answers a PING', async () => {
      const { tick } = stopClock();
      const peer = await openPeer({ answersPings: false });
      let isHeld = false;
      peer.behave(() => {
        isHeld = true;
      });
      const client = openClient(peer.url);
      const call = failureOf(count(client, { timeoutMs: 500 }));
      await until(() => isHeld);
      tick(500);
      assert.equal((await call).code, 'deadline_exceeded');
      await until(() => peer.frames.includes('PING 0'));
      peer.behave(good);
      assert.deepEqual(await count(client), ANSWER);
      assert.deepEqual(
        peer.connections.map((connection) => connection.calls),
        [1, 1],
      );
      tick(2_000);
      await until(() => peer.open === 1);
    });

    it('without a call for a minute are closed, and the next call opens another', async () => {
      const { tick } = stopClock();
      const peer = await openPeer();
      const client = openClient(peer.url);
      // A stream closes in the turn in which its call has ended.
      const callOnce = () => count(client).then(() => nextTurn());
      await callOnce();
      tick(50_000);
      await callOnce();
      tick(59_000);
      assert.equal(peer.open, 1);
      tick(11_000);
      await until(() => peer.open === 0);
      await count(client);
      assert.equal(peer.connections.length, 2);
      assert.ok(!peer.frames.includes('PING 0'));
    });
  });

  describe('of a transport that is disposed of', () => {
    let transport: GrpcTransport;

    it('fail the calls in flight, the waiting ones and the later ones, and leave no connection and no timer', async () => {
      const { countTimers } = stopClock();
      const peer = await openPeer({ streamsMax: 1 });
      let isHeld = false;
      peer.behave(() => {
        isHeld = true;
      });
      const opened = openStock(peer.url, { sessionsMax: 1 });
      transport = opened.transport;
      const inFlight = failureOf(count(opened.client));
      await until(() => isHeld);
      const waiting = failureOf(count(opened.client));
      await transport[Symbol.asyncDispose]();
      const late = await failureOf(count(opened.client));
      assert.deepEqual(
        [await inFlight, await waiting, late].map(({ code, neverSent, message }) => [code, neverSent, message]),
        [
          ['unavailable', false, 'The connection to stock broke'],
          ['unavailable', true, 'The client of stock is closed'],
          ['unavailable', true, 'The client of stock is closed'],
        ],
      );
      await until(() => peer.open === 0);
      assert.equal(countTimers(), 0);
      await transport[Symbol.asyncDispose]();
    });

    it('close while one is being opened, and while one is leaving', async () => {
      const { countTimers } = stopClock();
      const silent = await openPeer({ greets: false });
      const opening = openStock(silent.url);
      const call = failureOf(count(opening.client));
      await until(() => silent.open === 1);
      await opening.transport[Symbol.asyncDispose]();
      assert.equal((await call).neverSent, true);

      const peer = await openPeer();
      const leaving = openStock(peer.url);
      await count(leaving.client);
      peer.behave(({ connection }) => connection.goaway(3));
      const cut = failureOf(count(leaving.client));
      await until(() => peer.connections[0]?.calls === 2);
      for (let turn = 0; turn < 20; turn++) await nextTurn();
      await leaving.transport[Symbol.asyncDispose]();
      assert.equal((await cut).code, 'unavailable');
      await until(() => silent.open + peer.open === 0);
      assert.equal(countTimers(), 0);
    });
  });
});
