import assert from 'node:assert/strict';
import sinon from 'sinon';
import { dnsEndpoints } from './dns-endpoints.ts';
import type { EndpointEntry } from './endpoint-list.ts';

function urlOf(endpoint: EndpointEntry): string {
  return typeof endpoint === 'string' ? endpoint : endpoint.url;
}

describe('endpoints by DNS', () => {
  let clock: sinon.SinonFakeTimers;
  beforeEach(() => {
    clock = sinon.useFakeTimers();
  });
  afterEach(() => {
    clock.restore();
    sinon.restore();
  });

  function setUp(url = 'http://loms:8081', options = {}) {
    const resolve = sinon.stub<[string], Promise<readonly string[]>>();
    const failed = sinon.spy();
    const lists: string[] = [];
    const source = dnsEndpoints(url, { resolve, on: { failed }, ...options });
    const start = () => source.start((endpoints) => lists.push(endpoints.map(urlOf).join(' ')));
    return { resolve, failed, lists, start };
  }

  it('begins with the name itself and continues with its addresses', async () => {
    const { resolve, lists, start } = setUp();
    resolve.resolves(['10.0.0.2', '10.0.0.1']);
    using _running = start();
    assert.deepEqual(lists, ['http://loms:8081']);
    await clock.tickAsync(0);
    assert.deepEqual(lists.slice(1), ['http://10.0.0.1:8081 http://10.0.0.2:8081']);
    sinon.assert.calledOnceWithExactly(resolve, 'loms');
  });

  it('keeps the path and the default port, and writes IPv6 as addresses do', async () => {
    const { resolve, lists, start } = setUp('http://loms/api/');
    resolve.resolves(['fd00::1']);
    using _running = start();
    await clock.tickAsync(0);
    assert.deepEqual(lists.slice(1), ['http://[fd00::1]/api']);
  });

  it('keeps https', async () => {
    const { resolve, lists, start } = setUp('https://u:p@loms:8443/api?x=1');
    resolve.resolves(['10.0.0.1']);
    using _running = start();
    await clock.tickAsync(0);
    assert.deepEqual(lists.slice(1), ['https://u:p@10.0.0.1:8443/api?x=1']);
  });

  it('looks up again after the interval', async () => {
    const { resolve, lists, start } = setUp('http://loms:8081', { refreshMs: 3_000 });
    resolve.resolves(['10.0.0.1']);
    using _running = start();
    await clock.tickAsync(2_999);
    sinon.assert.calledOnce(resolve);
    resolve.resolves(['10.0.0.9']);
    await clock.tickAsync(1);
    assert.deepEqual(lists.slice(2), ['http://10.0.0.9:8081']);
  });

  it('keeps the old list when a lookup fails or finds nothing, reports it, and looks up again', async () => {
    const { resolve, failed, lists, start } = setUp();
    resolve.resolves(['10.0.0.1']);
    using _running = start();
    await clock.tickAsync(0);
    const error = new Error('SERVFAIL');
    resolve.rejects(error);
    await clock.tickAsync(10_000);
    sinon.assert.calledOnceWithExactly(failed, { host: 'loms', error });
    resolve.resolves([]);
    await clock.tickAsync(10_000);
    sinon.assert.calledTwice(failed);
    assert.equal(lists.length, 2);
    resolve.resolves(['10.0.0.2']);
    await clock.tickAsync(10_000);
    assert.deepEqual(lists.slice(2), ['http://10.0.0.2:8081']);
  });

  it('runs one lookup at a time, and abandons one that hangs', async () => {
    const { resolve, failed, start } = setUp();
    resolve.returns(new Promise(() => {}));
    using _running = start();
    await clock.tickAsync(9_999);
    sinon.assert.calledOnce(resolve);
    await clock.tickAsync(1);
    sinon.assert.calledOnce(failed);
    await clock.tickAsync(10_000);
    sinon.assert.calledTwice(resolve);
  });

  it('stops when it is disposed of, even during a lookup', async () => {
    const { resolve, failed, lists, start } = setUp();
    const answer = Promise.withResolvers<string[]>();
    resolve.returns(answer.promise);
    start()[Symbol.dispose]();
    answer.resolve(['10.0.0.1']);
    await clock.tickAsync(60_000);
    assert.deepEqual(lists, ['http://loms:8081']);
    sinon.assert.calledOnce(resolve);
    sinon.assert.notCalled(failed);
    assert.equal(clock.countTimers(), 0);
  });

  it('stops between lookups too', async () => {
    const { resolve, start } = setUp();
    resolve.resolves(['10.0.0.1']);
    const running = start();
    await clock.tickAsync(0);
    running[Symbol.dispose]();
    assert.equal(clock.countTimers(), 0);
  });

  for (const url of ['http://127.0.0.1:8081', 'http://[::1]:8081']) {
    it(`has nothing to look up for ${url}`, async () => {
      const { resolve, lists, start } = setUp(url);
      using _running = start();
      await clock.tickAsync(60_000);
      sinon.assert.notCalled(resolve);
      assert.deepEqual(lists, [url]);
    });
  }

  it('gives every address the zone, the weight and the version', async () => {
    const attributes = { zone: 'a', weight: 2, version: '7' };
    const lists: (readonly EndpointEntry[])[] = [];
    const source = dnsEndpoints('http://loms', { ...attributes, resolve: async () => ['10.0.0.1', '10.0.0.2'] });
    using _running = source.start((endpoints) => lists.push(endpoints));
    await clock.tickAsync(0);
    assert.deepEqual(lists, [
      [{ ...attributes, url: 'http://loms' }],
      [
        { ...attributes, url: 'http://10.0.0.1' },
        { ...attributes, url: 'http://10.0.0.2' },
      ],
    ]);
  });

  it('refuses intervals that are too short or too long', () => {
    assert.throws(() => dnsEndpoints('http://loms', { refreshMs: 999 }), RangeError);
    assert.throws(() => dnsEndpoints('http://loms', { refreshMs: 300_001 }), RangeError);
  });

  it("asks the system's resolver by default", async () => {
    clock.restore();
    const found = Promise.withResolvers<readonly string[]>();
    using _running = dnsEndpoints('http://localhost:1').start((endpoints) => {
      const urls = endpoints.map(urlOf);
      if (urls[0] !== 'http://localhost:1') found.resolve(urls);
    });
    const urls = await found.promise;
    assert.ok(urls.every((url) => url === 'http://127.0.0.1:1') || urls.every((url) => url === 'http://[::1]:1'));
  });
});
