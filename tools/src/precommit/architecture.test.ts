import assert from 'node:assert/strict';
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT_DIRECTORY } from 'mesh';

/** A line of the tree: how deep a folder lies, its name, and its sentence. */
const ROOM = /^(?<indent> *)(?<name>[\w-]+)\/ +\S/gm;

const read = (page: string): string => readFileSync(join(PROJECT_DIRECTORY, page), 'utf8');
const exists = (path: string): boolean => existsSync(join(PROJECT_DIRECTORY, path));

/** Every folder of the tree with a sentence, as a path from the project's folder. */
function readRooms(page: string): string[] {
  const [, tree = ''] = read(page).split('```text\n');
  const parents: string[] = [];
  return [...(tree.split('```')[0] ?? '').matchAll(ROOM)].map(({ groups: { indent = '', name = '' } = {} }) => {
    parents.splice(indent.length / 2, Number.POSITIVE_INFINITY, name);
    return parents.join('/');
  });
}

const folders = readdirSync(PROJECT_DIRECTORY, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && !/^\.|^node_modules$|^coverage$/.test(entry.name))
  .map(({ name }) => name);
/** A path from the project's folder to a file, also within a command: loms/src/app.ts. */
const FILE = new RegExp(`(?<![\\w/.-])(?:${folders.join('|')})/[\\w./-]+\\.\\w+`, 'g');

describe('docs/architecture.md', () => {
  const rooms = readRooms('docs/architecture.md');

  it('has a sentence for every folder at the top', () => {
    assert.deepEqual(rooms.filter((room) => !room.includes('/')).sort(), folders.sort());
  });

  it('names only folders that exist', () => {
    assert.deepEqual(
      rooms.filter((room) => !exists(room)),
      [],
    );
  });
});

describe('README.md and the pages in docs', () => {
  it('name only files that exist', () => {
    const pages = ['README.md', ...globSync('docs/**/*.md', { cwd: PROJECT_DIRECTORY })];
    const named = pages.flatMap((page) => Array.from(read(page).matchAll(FILE), ([path]) => ({ page, path })));
    assert.ok(named.length > 20, `only ${named.length} files are named`);
    assert.deepEqual(
      named.filter(({ path }) => !exists(path)),
      [],
    );
  });
});
