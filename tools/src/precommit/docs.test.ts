import assert from 'node:assert/strict';
import { existsSync, globSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { PROJECT_DIRECTORY } from 'mesh';

const read = (path: string): string => readFileSync(join(PROJECT_DIRECTORY, path), 'utf8');
const exists = (path: string): boolean => existsSync(join(PROJECT_DIRECTORY, path));
const find = (pattern: string): string[] => globSync(pattern, { cwd: PROJECT_DIRECTORY, exclude: ['**/node_modules'] });

const folderNames = (path: string): string[] =>
  readdirSync(join(PROJECT_DIRECTORY, path), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !/^\.|^node_modules$|^coverage$/.test(entry.name))
    .map(({ name }) => name);
const folders = folderNames('.');
/** Without the API reference, which quotes docstrings with examples. */
const pages = ['README.md', ...find('docs/**/*.md').filter((path) => !path.startsWith('docs/api/'))];

/** A path from the project's folder to a file, also within a command: loms/src/app.ts. */
const FILE = new RegExp(`(?<![\\w/.-])(?:${folders.join('|')})/[\\w./-]+\\.\\w+`, 'g');
const MAKE_TARGET = /(?:`|^)(?:[A-Z_]+=\S+ )*make ([a-z][a-z-]+)/gm;
/** A log message in a runbook: words in backticks that are no command. */
const QUOTED_MESSAGE = /`(?!make |docker |grep |psql )([A-Za-z]+(?: [A-Za-z']+){2,})`/g;
/** A line of the tree: how deep a folder lies, its name, and its sentence. */
const ROOM = /^(?<indent> *)(?<name>[\w-]+)\/ +\S/gm;

/** Every match of the expression in the pages, with its page. */
function findNamed(expression: RegExp, from = pages): { page: string; name: string }[] {
  return from.flatMap((page) => Array.from(read(page).matchAll(expression), ([all, name = all]) => ({ page, name })));
}

/** Every folder of the tree that has a sentence, as a path from the project's folder. */
function readRooms(): string[] {
  const [, tree = ''] = read('docs/architecture.md').split('```text\n');
  const parents: string[] = [];
  return [...(tree.split('```')[0] ?? '').matchAll(ROOM)].map(({ groups: { indent = '', name = '' } = {} }) => {
    parents.splice(indent.length / 2, Number.POSITIVE_INFINITY, name);
    return parents.join('/');
  });
}

describe('README.md and the pages in docs', () => {
  it('name only files that exist', () => {
    const named = findNamed(FILE);
    assert.ok(named.length > 20, `only ${named.length} files are named`);
    assert.deepEqual(
      named.filter(({ name }) => !exists(name)),
      [],
    );
  });

  it('name only targets that the Makefile has', () => {
    const targets = new Set(Array.from(read('Makefile').matchAll(/^([a-z-]+):/gm), ([, target]) => target));
    const named = findNamed(MAKE_TARGET);
    assert.ok(named.length > 20, `only ${named.length} targets are named`);
    assert.deepEqual(
      named.filter(({ name }) => !targets.has(name)),
      [],
    );
  });
});

/** Every file of the flows, of which one without a folder is beside the file that is named before it. */
function readFlows(): string[] {
  let folder = '';
  return Array.from(read('docs/architecture.md').matchAll(/`((?:[\w-]+\/)*)([\w-]+\.ts)`/g), ([, path, name]) => {
    folder = path || folder;
    return `${folder}${name}`;
  });
}

describe('docs/architecture.md', () => {
  const rooms = readRooms();

  it('has a sentence for every folder at the top', () => {
    assert.deepEqual(rooms.filter((room) => !room.includes('/')).sort(), folders.sort());
  });

  it('names only files that exist', () => {
    const flows = readFlows().filter((path) => !path.endsWith('contract.ts'));
    assert.ok(flows.length > 40, `only ${flows.length} files are named`);
    assert.deepEqual(
      flows.filter((path) => !exists(path)),
      [],
    );
  });

  it('names only folders that exist', () => {
    assert.deepEqual(
      rooms.filter((room) => !exists(room)),
      [],
    );
  });
});

describe('docs/runbooks.md', () => {
  it('quotes only log messages that the services write', () => {
    const sources = find('{accounts,checkout,loms,notifications,products,service-kit,rpc-kit}/src/**/*.ts')
      .map(read)
      .join('\n');
    const quoted = findNamed(QUOTED_MESSAGE, ['docs/runbooks.md']);
    assert.ok(quoted.length > 5, `only ${quoted.length} messages are quoted`);
    assert.deepEqual(
      quoted.filter(({ name }) => !sources.includes(name)),
      [],
    );
  });
});

/** A benchmark with its options: make bench WHAT=loms ARGS='--quick'. */
const BENCHMARK = /make bench WHAT=(?<what>[\w-]+)(?: ARGS='(?<options>[^']*)')?/g;
/** A target with its variables: make load RATE=40 SECONDS=60. */
const WITH_VARIABLES = /make (?<target>load|profile)(?<variables>(?: [A-Z]+=\S+)+)/g;
const PROGRAMS: Readonly<Record<string, readonly string[]>> = {
  load: ['storm/src/load/options.ts'],
  profile: ['tools/src/profile.ts', 'tools/src/service-record.ts'],
};
/** A picture is in every clone, for ever. */
const PICTURE_BYTES_MAX = 150_000;

describe('docs/performance, docs/guide and the READMEs of the benchmarks', () => {
  const texts = [...find('docs/{performance,guide}/*.md'), ...find('benchmarks/**/README.md')].map(read);

  it('name only benchmarks and options that exist', () => {
    const named = texts.flatMap((text) => Array.from(text.matchAll(BENCHMARK), ({ groups }) => groups ?? {}));
    assert.ok(named.length > 15, `only ${named.length} benchmarks are named`);
    const wrong = named.filter(({ what = '', options = '' }) => {
      const file = `benchmarks/${what}/bench.ts`;
      const known = exists(file) ? `${read(file)} --help ` : '';
      return (options.match(/--[\w-]+/g) ?? ['']).some((option) => !known.includes(option) || known === '');
    });
    assert.deepEqual(wrong, []);
  });

  it('set only variables that the program behind the target reads', () => {
    const named = texts.flatMap((text) => Array.from(text.matchAll(WITH_VARIABLES), ({ groups }) => groups ?? {}));
    assert.ok(named.length > 3, `only ${named.length} commands with variables are named`);
    const unknown = named.flatMap(({ target = '', variables = '' }) => {
      const source = PROGRAMS[target]?.map(read).join('\n') ?? '';
      return Array.from(variables.matchAll(/[A-Z]+(?==)/g), ([variable]) => variable).filter(
        (variable) => !new RegExp(`\\b${variable}\\b`).test(source),
      );
    });
    assert.deepEqual(unknown, []);
  });

  it('have small pictures, each of them shown', () => {
    const pictures = find('docs/{performance,guide}/images/*');
    const shown = texts.join('\n');
    assert.ok(pictures.length > 0);
    assert.deepEqual(
      pictures.filter((path) => statSync(join(PROJECT_DIRECTORY, path)).size > PICTURE_BYTES_MAX),
      [],
    );
    assert.deepEqual(
      pictures.filter((path) => !shown.includes(`](images/${basename(path)})`)),
      [],
    );
  });
});

/** A file by its path from the project's folder, or lines of it: `examples/start.ts`: and then the code. */
const SHOWN_FILE = /^`(?<file>[\w./-]+)`:\n\n```\w+\n(?<code>[\s\S]*?)^```$/gm;
const TYPESCRIPT = /^```ts$/gm;
/** Of code that is shown without the block around it. */
const INDENTS = [0, 2, 4, 6, 8, 10, 12].map((spaces) => ' '.repeat(spaces));

describe('docs/guide', () => {
  const guide = find('docs/guide/*.md');
  const shown = guide.flatMap((page) =>
    Array.from(read(page).matchAll(SHOWN_FILE), ({ groups: { file = '', code = '' } = {} }) => ({ page, file, code })),
  );

  it('shows code of files that tests run, as it is there', () => {
    assert.ok(shown.length > 10, `only ${shown.length} pieces of code are shown`);
    const differing = shown.filter(({ file, code }) => {
      const text = read(file);
      return !INDENTS.some((indent) => text.includes(code.replaceAll(/^(?=.)/gm, indent)));
    });
    assert.deepEqual(
      differing.map(({ page, file }) => `${page}: ${file}`),
      [],
    );
  });

  it('shows no TypeScript without its file', () => {
    const blocks = guide.flatMap((page) => read(page).match(TYPESCRIPT) ?? []);
    assert.equal(shown.filter(({ file }) => file.endsWith('.ts')).length, blocks.length);
  });

  it('lists every page in its index', () => {
    const index = read('docs/guide/README.md');
    const pages = guide.map((page) => basename(page)).filter((name) => name !== 'README.md');
    assert.deepEqual(
      pages.filter((name) => !index.includes(`](${name})`)),
      [],
    );
  });
});

describe('examples', () => {
  const names = folderNames('examples').filter((name) => name !== 'test');

  it('are listed by their index', () => {
    const index = read('examples/README.md');
    assert.ok(names.length > 3);
    assert.deepEqual(
      names.filter((name) => !index.includes(`](${name}`)),
      [],
    );
  });

  it('have a test that runs each of them', () => {
    const tests = find('examples/test/**/*.ts').map(read).join('\n');
    assert.deepEqual(
      names.filter((name) => !new RegExp(`['/]${name}/`).test(tests)),
      [],
    );
  });
});

describe('docs/decisions/README.md', () => {
  it('lists every decision by its title', () => {
    const decisions = find('docs/decisions/0*.md').map((path) => {
      const [, title] = /^# (.+)/.exec(read(path)) ?? [];
      return `- [${basename(path).slice(0, 4)}](${basename(path)}): ${title}`;
    });
    assert.deepEqual(read('docs/decisions/README.md').match(/^- .+/gm), decisions.sort());
  });
});
