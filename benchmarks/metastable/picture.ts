import type { MetastableResults } from './report.ts';
import { BUCKET_MS } from './tally.ts';
import { ALL, NAIVELY } from './variants.ts';

const WIDTH = 860;
const HEIGHT = 364;
const PLOT = { left: 64, right: 20, top: 64, bottom: 32 };
const PLOT_WIDTH = WIDTH - PLOT.left - PLOT.right;
const PLOT_HEIGHT = HEIGHT - PLOT.top - PLOT.bottom;
const STEP_SECONDS = 5;
const STEP_CALLS = 50;

/** Both curves of goodput over time. It has a background of its own, so that it can be read on pages of both themes. */
export function toPicture({ seed, perSecond, phases, runs }: MetastableResults): string {
  const { beforeSeconds, stallSeconds, afterSeconds } = phases;
  const secondsMax = beforeSeconds + stallSeconds + afterSeconds;
  const curves = [
    { name: NAIVELY.name, className: 'naive' },
    { name: ALL.name, className: 'kit' },
  ].map(({ name, className }) => {
    const goodput = runs.find(({ variant }) => variant.name === name)?.tally.goodput ?? [];
    return { name, className, values: goodput.map((count) => (count * 1_000) / BUCKET_MS) };
  });
  const highest = Math.max(perSecond, ...curves.flatMap(({ values }) => values));
  const callsMax = Math.ceil(highest / STEP_CALLS) * STEP_CALLS;
  const x = (seconds: number): number => round(PLOT.left + (seconds / secondsMax) * PLOT_WIDTH);
  const y = (calls: number): number => round(PLOT.top + PLOT_HEIGHT - (calls / callsMax) * PLOT_HEIGHT);

  const grid = range(0, callsMax, STEP_CALLS).map(
    (calls) =>
      `<line class="grid" x1="${x(0)}" x2="${x(secondsMax)}" y1="${y(calls)}" y2="${y(calls)}"/>` +
      text(x(0) - 8, y(calls) + 4, String(calls), 'end'),
  );
  const seconds = range(0, secondsMax, STEP_SECONDS).map((at) => text(x(at), HEIGHT - PLOT.bottom + 18, `${at} s`));
  const stall = `<rect class="stall" x="${x(beforeSeconds)}" y="${PLOT.top}" width="${round(x(beforeSeconds + stallSeconds) - x(beforeSeconds))}" height="${PLOT_HEIGHT}"/>`;
  const lines = curves.map(({ className, values }) => {
    const points = values.map((calls, bucket) => `${x(((bucket + 0.5) * BUCKET_MS) / 1_000)},${y(calls)}`);
    return `<polyline class="${className}" points="${points.join(' ')}"/>`;
  });
  const legend = curves.map(
    ({ name, className }, index) =>
      `<line class="${className}" x1="${PLOT.left + index * 200}" x2="${PLOT.left + 24 + index * 200}" y1="46" y2="46"/>` +
      text(PLOT.left + 32 + index * 200, 50, name, 'start'),
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img">`,
    `<title>Calls answered in time, a second, after a stall of ${stallSeconds} s: naive retries stay down, rpc-kit is back</title>`,
    STYLE,
    `<rect class="page" width="${WIDTH}" height="${HEIGHT}" rx="8"/>`,
    `<text class="head" x="${PLOT.left}" y="28">Calls answered in time, a second (${perSecond} offered, seed ${seed})</text>`,
    ...legend,
    stall,
    ...grid,
    ...seconds,
    `<line class="offered" x1="${x(0)}" x2="${x(secondsMax)}" y1="${y(perSecond)}" y2="${y(perSecond)}"/>`,
    ...lines,
    text(x(beforeSeconds + stallSeconds / 2), PLOT.top + 16, 'stall'),
    '</svg>\n',
  ].join('\n');
}

const STYLE = `<style>
.page { fill: #ffffff } .grid { stroke: #d8dee4 } .stall { fill: #f6d9a8; opacity: .6 }
text { fill: #424a53; font: 13px system-ui, sans-serif } .head { font-weight: 600; font-size: 15px }
polyline, .naive, .kit { fill: none; stroke-width: 2.5 } .naive { stroke: #cf222e } .kit { stroke: #1a7f37 }
.offered { stroke: #6e7781; stroke-dasharray: 5 5 }
@media (prefers-color-scheme: dark) {
.page { fill: #0d1117 } .grid { stroke: #30363d } .stall { fill: #6b4f1d } text { fill: #c9d1d9 }
.naive { stroke: #ff7b72 } .kit { stroke: #56d364 } .offered { stroke: #8b949e }
}
</style>`;

function text(x: number, y: number, value: string, anchor: 'start' | 'middle' | 'end' = 'middle'): string {
  return `<text x="${x}" y="${y}" text-anchor="${anchor}">${value}</text>`;
}

function range(from: number, to: number, step: number): number[] {
  return Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, index) => from + index * step);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
