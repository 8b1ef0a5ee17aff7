import assert from 'node:assert/strict';
import { Counter, Registry } from 'prom-client';
import sinon from 'sinon';
import { z } from 'zod';
import { defineService } from '../../contract.ts';
import { ROOT } from '../../documents/place.ts';
import { httpMetrics } from '../../telemetry/http-metrics.ts';
import { UNMEASURED } from './http-metrics.ts';
import { createPages, type Page, type PageSources, prefersHtml } from './pages.ts';

const contract = defineService(
  'shop',
  { summary: 'Sells.', version: '1.2.3' },
  {
    look: {
      summary: 'Looks.',
      params: z.strictObject({}),
      result: z.object({}),
      timeoutMs: 100,
      reads: true,
      example: { params: {}, result: {} },
    },
  },
);

describe('the pages of a service', () => {
  const failures: [string, unknown][] = [];
  const pageOf = (path: string, sources: Partial<PageSources> = {}): Promise<Page> => {
    const { routes } = createPages({
      contract,
      place: ROOT,
      metricsPage: httpMetrics(new Registry()).page,
      readiness: {},
      draining: () => false,
      scheme: 'http' as const,
      onNotReady: (check, error) => failures.push([check, error]),
      ...sources,
    });
    const page = routes.get(path);
    assert.ok(page);
    return page();
  };
  beforeEach(() => {
    failures.length = 0;
  });
  afterEach(() => {
    sinon.restore();
  });

  it('are its documents, its metrics and its health', async () => {
    const registry = new Registry();
    new Counter({ name: 'orders_total', help: 'Orders.', registers: [registry] }).inc();
    assert.equal(JSON.parse((await pageOf('/openrpc.json')).text).info.title, 'shop');
    assert.equal(JSON.parse((await pageOf('/openapi.json')).text).info.title, 'shop');
    assert.match((await pageOf('/docs')).text, /^<!doctype html>/);
    assert.deepEqual(JSON.parse((await pageOf('/healthz')).text), { status: 'ok' });
    const metrics = await pageOf('/metrics', { metricsPage: httpMetrics(registry).page });
    assert.match(metrics.text, /^orders_total 1$/m);
    assert.match(String(metrics.headers['content-type']), /^text\/plain/);
  });

  it('are the same without metrics: then those are a comment', async () => {
    const metrics = await pageOf('/metrics', { metricsPage: UNMEASURED.page });
    assert.equal(metrics.text, '# Nothing is measured here.\n');
    assert.match(String(metrics.headers['content-type']), /^text\/plain/);
  });

  it('are all in the OpenAPI document', async () => {
    const { paths } = JSON.parse((await pageOf('/openapi.json')).text);
    const pages = ['/docs', '/openrpc.json', '/openapi.json', '/healthz', '/readyz', '/metrics'];
    assert.deepEqual(Object.keys(paths), ['/look', '/rpc', ...pages]);
    for (const path of pages) assert.ok(await pageOf(path), path);
  });

  it('let no browser guess what they are, and the docs run nothing that they do not bring', async () => {
    for (const path of ['/openrpc.json', '/openapi.json', '/docs', '/healthz', '/readyz', '/metrics']) {
      const { headers } = await pageOf(path);
      assert.equal(headers['x-content-type-options'], 'nosniff', path);
      assert.equal(headers['cross-origin-resource-policy'], 'same-origin', path);
    }
    assert.match(String((await pageOf('/docs')).headers['content-security-policy']), /default-src 'none'/);
  });

  describe('ready or not', () => {
    const readyz = async (sources: Partial<PageSources>) => {
      const { status, text } = await pageOf('/readyz', sources);
      return { status, body: JSON.parse(text) };
    };

    it('it is ready when every check passes', async () => {
      const readiness = { database: async () => {}, migrations: async () => {} };
      assert.deepEqual(await readyz({ readiness }), {
        status: 200,
        body: { status: 'ready', checks: { database: 'ok', migrations: 'ok' } },
      });
    });

    it('it is not when a check fails: the page says which, and why is for the log', async () => {
      const why = new Error('connect ECONNREFUSED 10.0.0.5:5432');
      const readiness = { database: () => Promise.reject(why), migrations: async () => {} };
      assert.deepEqual(await readyz({ readiness }), {
        status: 503,
        body: { status: 'not ready', checks: { database: 'failed', migrations: 'ok' } },
      });
      assert.deepEqual(failures, [['database', why]]);
    });

    it('it is not when a check throws before it returns a promise', async () => {
      const broken = () => {
        throw new Error('no');
      };
      assert.equal((await readyz({ readiness: { broken } })).status, 503);
    });

    it('it is not when a check does not end in time, and the check is aborted', async () => {
      const late = new AbortController();
      sinon.replace(AbortSignal, 'timeout', () => late.signal);
      let received: AbortSignal | undefined;
      const hanging = (signal: AbortSignal) => {
        received = signal;
        return new Promise<void>(() => {});
      };
      const page = readyz({ readiness: { hanging } });
      late.abort(new Error('too late'));
      assert.deepEqual((await page).body, { status: 'not ready', checks: { hanging: 'failed' } });
      assert.ok(received?.aborted);
    });

    it('it is stopping once it drains, whatever the checks say', async () => {
      const page = await readyz({ readiness: { database: async () => {} }, draining: () => true });
      assert.deepEqual(page, { status: 503, body: { status: 'stopping', checks: { database: 'ok' } } });
    });
  });
});

describe('a client that accepts', () => {
  const html = [
    'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8',
    'TEXT/HTML',
    'text/*',
    'text/html;q=0.1',
    'text/html ; charset=utf-8 ; Q=0.7 , application/json;q=0.7',
    'application/json;q=0, text/html;q=0.001',
  ];
  for (const accept of html) {
    it(`${accept} prefers HTML`, () => assert.ok(prefersHtml(accept)));
  }

  const json = [
    undefined,
    '',
    '*/*',
    'application/json',
    'text/html;q=0',
    'text/html;q=0.0, */*',
    'text/html;q=wrong',
    'application/json, text/html;q=0.9',
    '*/*, text/html;q=0.5',
    'text/plain, text/htmlx',
  ];
  for (const accept of json) {
    it(`${accept ?? 'nothing in particular'} does not`, () => assert.ok(!prefersHtml(accept)));
  }
});
