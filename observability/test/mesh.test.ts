import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SERVICES, startMesh, type TestMesh } from 'testing';
import { DASHBOARDS } from '../src/dashboards.ts';
import { unknownIn } from '../src/known-metrics.ts';
import { type PrometheusServer, type Rule, type Sample, startPrometheus } from './prometheus-server.ts';
import { PROMETHEUS_FOLDER, promtool } from './promtool.ts';
import { readMetricsText } from './scrape.ts';
import { makeTraffic } from './traffic.ts';

/** Instead of what Grafana fills in: some scrapes of a second each, also on a machine that comes to it late. */
const VARIABLES: Readonly<Record<string, string>> = { $__rate_interval: '1m', $service: '.+' };
const FIRST_USER = 7_200_000_001;
/** Against hanging: rates are there after a few scrapes. */
const DATA_TIMEOUT_MS = 90_000;

describe('a Prometheus that watches a mesh', () => {
  let mesh: TestMesh;
  let prometheus: PrometheusServer;
  let traffic: { stop(): Promise<void> };

  before(async () => {
    // Nobody listens there, so that one breaker opens and one sink falls behind.
    mesh = await startMesh({ WEBHOOK_URL: 'http://127.0.0.1:9/' });
    // Before the first scrape, so that all that is counted is there from the beginning of the rates.
    await makeTraffic(mesh.urls, FIRST_USER);
    const targets = Object.fromEntries(SERVICES.map((service) => [service, new URL(mesh.urls[service]).host]));
    const folder = join(mesh.paths.directory, 'prometheus');
    prometheus = await startPrometheus({ folder, targets, rulesFile: join(PROMETHEUS_FOLDER, 'alerts.yml') });
    traffic = keepTrafficUp();
  });
  after(async () => {
    await traffic?.stop();
    await prometheus?.[Symbol.asyncDispose]();
    await mesh?.[Symbol.asyncDispose]();
  });

  function keepTrafficUp(): { stop(): Promise<void> } {
    let stopped = false;
    const ended = (async () => {
      for (let user = FIRST_USER + 1; !stopped; user++) {
        await makeTraffic(mesh.urls, user);
        await sleep(200);
      }
    })();
    ended.catch(() => {});
    return {
      async stop() {
        stopped = true;
        await ended;
      },
    };
  }

  /** What the query answers, as soon as there is anything that is a number; nothing where there is none in time. */
  async function dataOf(expression: string, until: number): Promise<Sample[]> {
    const query = Object.entries(VARIABLES).reduce((text, [name, value]) => text.replaceAll(name, value), expression);
    for (;;) {
      const samples = (await prometheus.query(query)).filter(({ value: [, text] }) => !Number.isNaN(Number(text)));
      if (samples.length > 0 || performance.now() > until) return samples;
      await sleep(500);
    }
  }

  for (const service of SERVICES) {
    it(`finds nothing wrong with the metrics of ${service}`, async () => {
      const { code, output } = await promtool(['check', 'metrics'], await readMetricsText(mesh.urls[service]));
      assert.equal(code, 0, output);
    });
  }

  for (const { title, rows } of DASHBOARDS) {
    it(`has data for every panel of "${title}"`, async () => {
      const queries = rows.flatMap((row) =>
        row.panels.flatMap(({ queries: asked, ...panel }) => asked.map(({ expr }) => ({ panel, expr }))),
      );
      const until = performance.now() + DATA_TIMEOUT_MS;
      const empty: string[] = [];
      for (const { panel, expr } of queries) {
        if ((await dataOf(expr, until)).length === 0) empty.push(`${panel.title}: ${expr}`);
      }
      assert.deepEqual(empty, []);
    });
  }

  it('can evaluate every alert, and finds in it only metrics that there are', async () => {
    const rules = await evaluated();
    assert.ok(rules.length > 10);
    assert.deepEqual(
      rules.filter(({ health }) => health !== 'ok').map(({ name, lastError }) => `${name}: ${lastError}`),
      [],
    );
    assert.deepEqual(
      rules.flatMap(({ name, query }) => unknownIn(query).map((what) => `${name}: ${what}`)),
      [],
    );
  });

  it('has for every alert a severity, a sentence or two, and a place in the runbooks', async () => {
    const page = readFileSync(join(import.meta.dirname, '../../docs/runbooks.md'), 'utf8');
    const places = new Set(
      Array.from(page.matchAll(/^## (.+)$/gm), ([, title = '']) => `docs/runbooks.md#${title.toLowerCase()}`),
    );
    const rules = await evaluated();
    for (const { name, labels, annotations } of rules) {
      assert.ok(['critical', 'warning'].includes(labels.severity ?? ''), name);
      assert.ok((annotations.summary ?? '').length > 10 && (annotations.description ?? '').length > 20, name);
      assert.equal(annotations.runbook_url, `docs/runbooks.md#${name.toLowerCase()}`);
      assert.ok(places.has(annotations.runbook_url), `docs/runbooks.md lacks ${name}`);
    }
    assert.equal(places.size, rules.length, 'docs/runbooks.md has a place for an alert that there is not');
  });

  it('sees all services up', async () => {
    // On a busy machine a scrape may miss its second.
    const up = new Set<string | undefined>();
    const until = performance.now() + DATA_TIMEOUT_MS;
    while (up.size < SERVICES.length && performance.now() < until) {
      for (const { metric } of await prometheus.query('up == 1')) up.add(metric.job);
      await sleep(500);
    }
    assert.deepEqual([...up].toSorted(), SERVICES.toSorted());
  });

  /** The rules, once each has been evaluated. */
  async function evaluated(): Promise<Rule[]> {
    const until = performance.now() + DATA_TIMEOUT_MS;
    for (;;) {
      const rules = await prometheus.rules();
      if (rules.every(({ health }) => health !== 'unknown') || performance.now() > until) return rules;
      await sleep(500);
    }
  }
});
