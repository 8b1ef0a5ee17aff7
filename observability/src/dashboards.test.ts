import assert from 'node:assert/strict';
import { DASHBOARDS } from './dashboards.ts';
import { toGrafana } from './grafana.ts';
import { unknownIn } from './known-metrics.ts';
import type { Dashboard, Panel } from './panels.ts';
import { selectionOf } from './promql.ts';

const panelsOf = ({ rows }: Dashboard): Panel[] => rows.flatMap(({ panels }) => panels);

interface PlacedPanel {
  readonly id: number;
  readonly type: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
}

describe('the dashboards', () => {
  it('have unique uids', () => {
    const uids = DASHBOARDS.map(({ uid }) => uid);
    assert.equal(new Set(uids).size, uids.length);
  });

  for (const dashboard of DASHBOARDS) {
    it(`query only metrics and labels that docs/metrics.md describes: ${dashboard.title}`, () => {
      const unknown = panelsOf(dashboard).flatMap(({ title, queries }) =>
        queries.flatMap(({ expr }) => unknownIn(expr).map((what) => `${title}: ${what}`)),
      );
      assert.deepEqual(unknown, []);
    });

    it(`name their series by labels that they group by: ${dashboard.title}`, () => {
      const wrong = panelsOf(dashboard).flatMap(({ title, queries }) =>
        queries.flatMap(({ expr, legend }) => {
          const { labels, metrics } = selectionOf(expr);
          // A series that is not grouped keeps all its labels.
          const all = !/\b(by|sum|max|count)\b/.test(expr) && metrics.length === 1;
          const named = Array.from(legend.matchAll(/\{\{(\w+)\}\}/g), ([, label = '']) => label);
          return named.filter((label) => !all && !labels.includes(label)).map((label) => `${title}: ${label}`);
        }),
      );
      assert.deepEqual(wrong, []);
    });

    it(`lay panels out without overlap: ${dashboard.title}`, () => {
      const { panels } = toGrafana(dashboard) as { panels: PlacedPanel[] };
      const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
        Array.from({ length: w * h }, (_, cell) => `${x + (cell % w)},${y + Math.floor(cell / w)}`),
      );
      assert.equal(new Set(cells).size, cells.length);
      assert.ok(panels.every(({ gridPos: { x, w } }) => x + w <= 24));
      assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
    });
  }
});

describe('unknownIn', () => {
  it('finds a metric that does not exist, and a label that the metric does not have', () => {
    assert.deepEqual(unknownIn('sum by (method) (rate(rpc_server_requests_total{code="ok"}[5m])) or vector(0)'), []);
    assert.deepEqual(unknownIn('histogram_quantile(0.9, sum by (le) (rate(db_pool_wait_seconds_bucket[1m])))'), []);
    assert.deepEqual(unknownIn('rate(rpc_server_request_total[5m])'), ['there is no metric rpc_server_request_total']);
    assert.deepEqual(unknownIn('sum by (user) (outbox_backlog)'), ['no metric of it has a label user']);
    assert.deepEqual(unknownIn('outbox_backlog_sum'), ['there is no metric outbox_backlog_sum']);
  });
});
