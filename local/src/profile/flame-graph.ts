import { type CallTree, type Cost, ORIGINS, type Origin, sumCosts } from './call-tree.ts';
import { SCRIPT, STYLE } from './flame-graph-page.ts';

export type FlameGraph = {
  title: string;
  /** What was measured, of whom and for how long. */
  facts: string[];
  tree: CallTree;
  /** A cost for people: `12.3 ms`, `4.1 MB`. */
  format(cost: number): string;
};

/** Narrower frames would be less than a pixel, and there are thousands of them. */
const SHARE_MIN = 0.0005;
const ROWS_SHOWN = 25;
const ORIGIN_NAMES: Record<Origin, string> = {
  service: 'the services',
  kit: 'rpc-kit, service-kit',
  package: 'packages',
  node: 'Node',
  engine: 'V8 and native',
};

/**
 * A page that needs nothing else: callers above, what they call below, as wide as it costs. A click on a frame makes it as
 * wide as the page, the search marks names; without JavaScript it is a picture with titles.
 */
export function renderFlameGraph({ title, facts, tree, format }: FlameGraph): string {
  const frames: string[] = [];
  const depth = placeFrames(tree, 0, 0);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<header>
<h1>${escapeHtml(title)}</h1>
<p>${facts.map(escapeHtml).join(' · ')}</p>
<div class="tools">
<input id="search" type="search" placeholder="Search functions and files" aria-label="Search functions and files">
<button id="reset" type="button" hidden>Show all</button>
<span id="found"></span>
<ul>${ORIGINS.map((origin) => `<li><i class="${origin}"></i>${ORIGIN_NAMES[origin]}</li>`).join('')}</ul>
</div>
</header>
<main id="graph" style="--rows:${depth + 1}">
${frames.join('\n')}
</main>
<section>
${table('By function, what it costs itself', sumCosts(tree).functions)}
${table('By package or file', sumCosts(tree).groups)}
${table('By our innermost function, with what it calls outside', sumCosts(tree).causes)}
</section>
<footer id="details">Point at a frame to read it, click to zoom in.</footer>
<script>${SCRIPT}</script>
</body>
</html>
`;

  /** @returns the depth of the lowest frame */
  function placeFrames(node: CallTree, row: number, left: number): number {
    const [from, width] = [share(left), share(node.total)];
    const lines = [node.name, node.place, describe(node)].filter((line) => line !== '');
    frames.push(
      `<div class="${node.origin}" style="--x:${from};--w:${width};--y:${row}" title="${escapeHtml(lines.join('\n'))}">${escapeHtml(labelOf(node))}</div>`,
    );
    let lowest = row;
    let childLeft = left;
    for (const child of node.children) {
      if (child.total >= tree.total * SHARE_MIN) lowest = Math.max(lowest, placeFrames(child, row + 1, childLeft));
      childLeft += child.total;
    }
    return lowest;
  }

  function describe({ total, self }: CallTree): string {
    return `${format(total)} (${percent(total)}), itself ${format(self)} (${percent(self)})`;
  }

  function table(caption: string, costs: Cost[]): string {
    const rows = costs.slice(0, ROWS_SHOWN).map(({ what, cost }) => {
      const [name = '', place = ''] = what.split('  ');
      const bar = `style="--w:${share(cost)}"`;
      return `<tr><td ${bar}>${percent(cost)}</td><td>${format(cost)}</td><th>${escapeHtml(name)} <small>${escapeHtml(place)}</small></th></tr>`;
    });
    return `<table><caption>${caption}</caption><tbody>${rows.join('\n')}</tbody></table>`;
  }

  function share(cost: number): number {
    return tree.total === 0 ? 0 : Number((cost / tree.total).toFixed(6));
  }

  function percent(cost: number): string {
    return `${(share(cost) * 100).toFixed(1)} %`;
  }
}

/** A function without a name is known by its file. */
function labelOf({ name, place }: CallTree): string {
  if (name === '(root)') return 'all';
  return name === '(anonymous)' && place !== '' ? place.slice(place.lastIndexOf('/') + 1) : name;
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** Names of functions are whatever a program has made of them. */
function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}
