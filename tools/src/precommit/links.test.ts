import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { PROJECT_DIRECTORY } from 'mesh';

const LINK = /\]\(([^)\s]+)\)/g;
const HEADING = /^#+ (.+)$/gm;
/** Code is not prose: contracts.md quotes patterns with brackets in them. */
const CODE = /^```.*?^```$|`[^`\n]*`/gms;

/** The anchor of a heading on GitHub. */
function toAnchor(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
}

function findBrokenLinks(page: string): string[] {
  const text = readFileSync(join(PROJECT_DIRECTORY, page), 'utf8').replaceAll(CODE, '');
  const targets = [...text.matchAll(LINK)].map(([, target = '']) => target).filter((target) => !/^\w+:/.test(target));
  return targets.filter((target) => !hasTarget(page, target)).map((target) => `${page}: ${target}`);
}

function hasTarget(page: string, target: string): boolean {
  const [path = '', anchor] = target.split('#');
  const file = path === '' ? page : join(dirname(page), path);
  if (!existsSync(join(PROJECT_DIRECTORY, file))) return false;
  if (anchor === undefined) return true;
  return anchorsOf(file).has(anchor);
}

const anchors = new Map<string, ReadonlySet<string>>();

/** Of headings, of which equal ones are numbered, and of HTML. */
function anchorsOf(file: string): ReadonlySet<string> {
  const known = anchors.get(file);
  if (known) return known;
  const text = readFileSync(join(PROJECT_DIRECTORY, file), 'utf8');
  const found = new Set(Array.from(text.matchAll(/<a id="([^"]+)">/g), ([, id = '']) => id));
  const counts = new Map<string, number>();
  for (const [, heading = ''] of text.matchAll(HEADING)) {
    const anchor = toAnchor(heading);
    const count = counts.get(anchor) ?? 0;
    counts.set(anchor, count + 1);
    found.add(count === 0 ? anchor : `${anchor}-${count}`);
  }
  anchors.set(file, found);
  return found;
}

describe('The documentation', () => {
  it('has no broken link within the repository', () => {
    // Pages in folders like .mesh are not ours, and rpc-kit/dist is made from its README.
    const exclude = (name: string) => name.startsWith('.') || name === 'node_modules' || name === 'dist';
    const pages = globSync('**/*.md', { cwd: PROJECT_DIRECTORY, exclude });
    assert.ok(pages.length > 20, `only ${pages.length} pages were found`);
    assert.deepEqual(pages.flatMap(findBrokenLinks), []);
  });
});
