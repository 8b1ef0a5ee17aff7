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
  const headings = readFileSync(join(PROJECT_DIRECTORY, file), 'utf8').matchAll(HEADING);
  return [...headings].some(([, heading = '']) => toAnchor(heading) === anchor);
}

describe('The documentation', () => {
  it('has no broken link within the repository', () => {
    // Pages in folders like .mesh are not ours.
    const exclude = (name: string) => name.startsWith('.') || name === 'node_modules';
    const pages = globSync('**/*.md', { cwd: PROJECT_DIRECTORY, exclude });
    assert.ok(pages.length > 20, `only ${pages.length} pages were found`);
    assert.deepEqual(pages.flatMap(findBrokenLinks), []);
  });
});
