import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SERVICES, startMesh, type TestMesh } from 'testing';
import { DASHBOARDS } from '../src/dashboards.ts';
import { unknownIn } from '../src/known-metrics.ts';
import { joinGateway, type Person, useGateway } from './people.ts';
import { type PrometheusServer, type Rule, type Sample, startPrometheus } from './prometheus-server.ts';
import { PROMETHEUS_FOLDER, promtool } from './promtool.ts';
import { readMetricsText } from './scrape.ts';
import { makeTraffic } from './traffic.ts';

/** The values of Grafana's variables. The window covers several scrapes of 1 s, also on a slow machine. */
const VARIABLES: Readonly<Record<string, string>> = { $__rate_interval: '1m', $service: '.+' };
const FIRST_USER = 7_200_000_001;
/** Against hanging: rates exist after a few scrapes. */
const DATA_TIMEOUT_MS = 90_000;

describe('a Prometheus that watches a mesh', () => {
  let mesh: TestMesh;
  let prometheus: PrometheusServer;
  let traffic: { stop(): Promise<void> };

  before(async () => {
    // The port is closed, so that one breaker opens and one sink lags.
    mesh = await startMesh({ WEBHOOK_URL: 'http://127.0.0.1:9/' });
    // Before the first scrape, so that every counter exists from the start of the rates.
    await makeTraffic(mesh, FIRST_USER);
    const person = await joinGateway(mesh.urls, 'anna');
    await useGateway(mesh.urls, person);
    const targets = Object.fromEntries(SERVICES.map((service) => [service, new URL(mesh.urls[service]).host]));
    const folder = join(mesh.paths.directory, 'prometheus');
    prometheus = await startPrometheus({ folder, targets, rulesFile: join(PROMETHEUS_FOLDER, 'alerts.yml') });
    traffic = keepTrafficUp(person);
  });
  after(async () => {
    await traffic?.stop();
    await prometheus?.[Symbol.asyncDispose]();
    await mesh?.[Symbol.asyncDispose]();
  });

  function keepTrafficUp(person: Person): { stop(): Promise<void> } {
    let stopped = false;
    const ended = (async () => {
      for (let user = FIRST_USER + 1; !stopped; user++) {
        await makeTraffic(mesh, user);
        await useGateway(mesh.urls, person);
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

  /** The samples of the query once one is a number; none when the time is over. */
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

  it('evaluates every alert, and every metric in it exists', async () => {
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

  it('has a severity, a description and a runbook for every alert', async () => {
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
    assert.equal(places.size, rules.length, 'docs/runbooks.md has a section for an alert that does not exist');
  });

  it('sees all services up', async () => {
    // On a busy machine a scrape may be late.
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
