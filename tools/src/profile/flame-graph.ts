import { type CallTree, isProjectCode } from './call-tree.ts';

interface FlameGraphOptions {
  readonly title: string;
  /** Below the title: what the width of a frame stands for. */
  readonly subtitle: string;
  readonly format: (cost: number) => string;
}

/** A frame as it is drawn: siblings of one function are one frame. */
interface Frame {
  readonly node: CallTree;
  readonly depth: number;
  /** Where it begins, in the unit of costs. */
  readonly from: number;
}

const WIDTH = 1_200;
const MARGIN = 12;
const HEAD_HEIGHT = 64;
const ROW_HEIGHT = 17;
const FONT_SIZE = 11;
/** Of a monospaced font, as a share of its size; rounded up, so that text never exceeds its frame. */
const CHARACTER_WIDTH = FONT_SIZE * 0.62;
/** Fewer letters name nothing. */
const LETTERS_MIN = 5;
/** Narrower frames could not be told apart, and are most of the size of a picture. */
const FRAME_WIDTH_MIN = 2;
/** Stacks of promises and interceptors are deep; further frames hardly have a width of their own. */
const DEPTH_MAX = 60;

/** By the origin of the code: [class, name in the legend]. */
const KINDS = [
  ['ours', 'this project'],
  ['package', 'packages'],
  ['node', 'Node.js'],
  ['native', 'V8 and native code'],
] as const;
type Kind = (typeof KINDS)[number][0];

/** The dark colours apply where the page is dark, also in an <img>. */
const STYLE = `
svg{background:#fff}text{fill:#1b1f24;font:${FONT_SIZE}px ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace}
.title{font:600 16px system-ui,sans-serif}.subtitle{font:12px system-ui,sans-serif}rect{stroke:#fff;stroke-width:.6}
.ours{fill:#f5b26b}.package{fill:#a9cdf0}.node{fill:#d3d8de}.native{fill:#d9bfe6}
@media (prefers-color-scheme:dark){svg{background:#0d1117}text{fill:#f0f3f6}rect{stroke:#0d1117}
.ours{fill:#94500c}.package{fill:#1d4f80}.node{fill:#454c55}.native{fill:#5f3d72}}`;

/** Draws the tree as an SVG: callers below, callees above them, the width of a frame is its cost. */
export function drawFlameGraph(tree: CallTree, { title, subtitle, format }: FlameGraphOptions): string {
  const scale = (WIDTH - 2 * MARGIN) / (tree.total || 1);
  const frames = layOut(tree, FRAME_WIDTH_MIN / scale);
  const depthMax = frames.reduce((max, { depth }) => Math.max(max, depth), 0);
  const height = HEAD_HEIGHT + (depthMax + 1) * ROW_HEIGHT + MARGIN;
  const shown = frames.map(({ node, depth, from }) => {
    const [x, width] = [MARGIN + from * scale, node.total * scale];
    const y = height - MARGIN - (depth + 1) * ROW_HEIGHT;
    const share = ((node.total / (tree.total || 1)) * 100).toFixed(1);
    const tip = `${node.name} ${node.location}`.trimEnd();
    return [
      `<g><title>${escapeXml(`${tip}: ${format(node.total)}, ${share} %`)}</title>`,
      `<rect class="${kindOf(node)}" x="${x.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="${ROW_HEIGHT}" rx="1"/>`,
      `${label(nameOf(node), x, y, width)}</g>`,
    ].join('');
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">`,
    `<title>${escapeXml(title)}</title><style>${STYLE}</style>`,
    `<text class="title" x="${MARGIN}" y="24">${escapeXml(title)}</text>`,
    `<text class="subtitle" x="${MARGIN}" y="46">${escapeXml(subtitle)}</text>`,
    ...drawLegend(),
    ...shown,
    '</svg>\n',
  ].join('\n');
}

function layOut(root: CallTree, costMin: number): Frame[] {
  const frames: Frame[] = [];
  const place = (node: CallTree, depth: number, from: number): void => {
    frames.push({ node, depth, from });
    if (depth === DEPTH_MAX) return;
    let at = from;
    for (const child of mergeSiblings(node.children)) {
      if (child.total >= costMin) place(child, depth + 1, at);
      at += child.total;
    }
  };
  place(root, 0, 0);
  return frames;
}

/** The most expensive first. V8 may have several nodes of one function below one caller. */
function mergeSiblings(children: readonly CallTree[]): CallTree[] {
  const merged = new Map<string, CallTree>();
  for (const child of children) {
    const key = `${child.name} ${child.location}`;
    const { self, total, children: own } = merged.get(key) ?? { self: 0, total: 0, children: [] };
    merged.set(key, {
      ...child,
      self: self + child.self,
      total: total + child.total,
      children: [...own, ...child.children],
    });
  }
  return [...merged.values()].sort((a, b) => b.total - a.total);
}

function kindOf({ location }: CallTree): Kind {
  if (isProjectCode(location)) return 'ours';
  if (location.includes('node_modules/')) return 'package';
  return location.startsWith('node:') ? 'node' : 'native';
}

/** Most functions between the interceptors have no name. */
function nameOf({ name, location }: CallTree): string {
  return name === '(anonymous)' && location !== '' ? location.slice(location.lastIndexOf('/') + 1) : name;
}

function label(name: string, x: number, y: number, width: number): string {
  const letters = Math.floor((width - 6) / CHARACTER_WIDTH);
  if (letters < LETTERS_MIN) return '';
  const text = name.length <= letters ? name : `${name.slice(0, letters - 1)}…`;
  return `<text x="${(x + 3).toFixed(1)}" y="${y + 12}">${escapeXml(text)}</text>`;
}

function drawLegend(): string[] {
  const step = 150;
  return KINDS.map(([kind, name], index) => {
    const x = WIDTH - MARGIN - (KINDS.length - index) * step;
    return `<rect class="${kind}" x="${x}" y="34" width="14" height="14"/><text class="subtitle" x="${x + 20}" y="46">${name}</text>`;
  });
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
