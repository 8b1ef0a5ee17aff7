import type { Dashboard, Panel, Query, Row, Variable } from './panels.ts';

/** The data source in grafana/provisioning/datasources. */
const DATASOURCE = { type: 'prometheus', uid: 'prometheus' };
/** Of Grafana 12; newer versions migrate it when they load it. */
const SCHEMA_VERSION = 41;

/** Columns of Grafana's grid. */
const GRID_WIDTH = 24;
const PANELS_IN_A_LINE = 3;
const HEIGHT = 8;
const NUMBER_HEIGHT = 4;
const NUMBERS_IN_A_LINE = 6;

const KINDS = { graph: 'timeseries', number: 'stat', table: 'table' } as const satisfies Record<Panel['kind'], string>;

/** The dashboard as Grafana reads it (https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/). */
export function toGrafana({ uid, title, description, variables = [], rows }: Dashboard): Record<string, unknown> {
  return {
    uid,
    title,
    description,
    tags: ['order-mesh'],
    schemaVersion: SCHEMA_VERSION,
    version: 1,
    // The source is TypeScript, so a change in the browser would be lost.
    editable: false,
    graphTooltip: 1,
    refresh: '10s',
    time: { from: 'now-30m', to: 'now' },
    timezone: 'browser',
    links: [{ type: 'dashboards', title: 'order-mesh', tags: ['order-mesh'], asDropdown: true, keepTime: true }],
    templating: { list: variables.map(toVariable) },
    annotations: { list: [] },
    panels: layOut(rows),
  };
}

function toVariable({ name, label, query }: Variable): Record<string, unknown> {
  return {
    name,
    label,
    type: 'query',
    datasource: DATASOURCE,
    query: { query, refId: name },
    definition: query,
    refresh: 2,
    sort: 1,
    multi: true,
    includeAll: true,
    allValue: '.+',
    current: { text: ['All'], value: ['$__all'] },
  };
}

function layOut(rows: readonly Row[]): Record<string, unknown>[] {
  const laid: Record<string, unknown>[] = [];
  const nextID = () => laid.length + 1;
  let y = 0;
  for (const { title, panels } of rows) {
    laid.push({
      id: nextID(),
      type: 'row',
      title,
      collapsed: false,
      panels: [],
      gridPos: { x: 0, y, w: GRID_WIDTH, h: 1 },
    });
    y += 1;
    for (const line of linesFor(panels)) {
      const height = line.every(({ kind }) => kind === 'number') ? NUMBER_HEIGHT : HEIGHT;
      const width = Math.floor(GRID_WIDTH / line.length);
      for (const [place, panel] of line.entries()) {
        laid.push(toPanel(panel, nextID(), { x: place * width, y, w: width, h: height }));
      }
      y += height;
    }
  }
  return laid;
}

/** Numbers come first, in lines of their own; the lines are evenly filled. */
function linesFor(panels: readonly Panel[]): Panel[][] {
  const groups = [panels.filter(({ kind }) => kind === 'number'), panels.filter(({ kind }) => kind !== 'number')];
  return groups.flatMap((group, index) => {
    const lineCount = Math.ceil(group.length / (index === 0 ? NUMBERS_IN_A_LINE : PANELS_IN_A_LINE));
    const perLine = Math.ceil(group.length / Math.max(1, lineCount));
    return Array.from({ length: lineCount }, (_, line) => group.slice(line * perLine, (line + 1) * perLine));
  });
}

function toPanel(panel: Panel, id: number, gridPos: Record<string, number>): Record<string, unknown> {
  const { title, description = '', kind, unit, queries, stacked = false, redFrom } = panel;
  const steps = [{ color: 'green', value: null }, ...(redFrom === undefined ? [] : [{ color: 'red', value: redFrom }])];
  const drawn = {
    fillOpacity: stacked ? 30 : 8,
    showPoints: 'never',
    stacking: { mode: stacked ? 'normal' : 'none', group: 'A' },
  };
  const limit = redFrom === undefined ? {} : { thresholdsStyle: { mode: 'line' } };
  return {
    id,
    type: KINDS[kind],
    title,
    description,
    datasource: DATASOURCE,
    gridPos,
    fieldConfig: {
      defaults: {
        unit,
        // Lines of a graph differ by colour; the colour of a number shows its threshold.
        color: { mode: kind === 'graph' ? 'palette-classic' : 'thresholds' },
        ...(unit === 'percentunit' || unit === 's' ? { min: 0 } : {}),
        thresholds: { mode: 'absolute', steps },
        ...(kind === 'graph' ? { custom: { ...drawn, ...limit } } : {}),
      },
      overrides: [],
    },
    options: optionsOf(kind),
    ...(kind === 'table' ? { transformations: [{ id: 'organize', options: { excludeByName: { Time: true } } }] } : {}),
    targets: queries.map((query, index) => toTarget(query, index, kind)),
  };
}

function optionsOf(kind: Panel['kind']): Record<string, unknown> {
  if (kind === 'number') return { reduceOptions: { calcs: ['lastNotNull'] }, colorMode: 'value', graphMode: 'area' };
  if (kind === 'table') return { showHeader: true, sortBy: [{ displayName: 'Value', desc: true }] };
  return {
    legend: { displayMode: 'table', placement: 'bottom', showLegend: true, calcs: ['lastNotNull', 'max'] },
    tooltip: { mode: 'multi', sort: 'desc' },
  };
}

function toTarget({ expr, legend }: Query, index: number, kind: Panel['kind']): Record<string, unknown> {
  const shape = kind === 'table' ? { instant: true, range: false, format: 'table' } : { instant: false, range: true };
  return { refId: String.fromCharCode(65 + index), datasource: DATASOURCE, expr, legendFormat: legend, ...shape };
}
