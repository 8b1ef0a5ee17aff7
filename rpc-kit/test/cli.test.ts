import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import sinon from 'sinon';
import { type CliResult, runCli } from '../src/cli/run-cli.ts';

const MAIN = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url));

/** A module with a contract. */
function moduleOf(params: string, more = '', zod = 'zod'): string {
  return `import { defineService, text, uint32 } from 'rpc-kit';
import { z } from '${zod}';
export const shop = defineService('shop', { summary: 'Sells.', version: '1.0.0' }, {
  buy: {
    summary: 'Buys.',
    params: z.object({ ${params} })${zod === 'zod' ? '.strict()' : ''},
    result: z.object({ orderID: ${zod === 'zod' ? 'uint32' : 'z.number()'} }),
    timeoutMs: 100,
    example: { params: { sku: 7 }, result: { orderID: 1 } },
  },
});
${more}`;
}
const OLD = moduleOf('sku: uint32');
const SECOND = `export const store = { ...shop, name: 'store' };\n`;
const WITH_NOTE = moduleOf('sku: uint32, note: text(20).optional()');
const NEEDS_NOTE = moduleOf('sku: uint32, note: text(20)');

const OPENRPC = JSON.stringify({
  openrpc: '1.3.2',
  info: { title: 'shop', version: '1' },
  methods: [
    {
      ...{ name: 'buy', params: [], 'x-timeout-ms': 1, 'x-reads': false, 'x-retry': 'never' },
      ...{ 'x-callers': [], 'x-errors': [] },
      result: { schema: { type: 'object', properties: { a: {} }, required: ['a'] } },
    },
  ],
});

const mergedLock = JSON.stringify({
  package: 'acme',
  services: { shop: { messages: { BuyRequest: { numbers: { sku: 1, note: 1 } } }, enums: {} } },
});

describe('rpc-kit on the command line', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'rpc-kit-cli-'));
    mkdirSync(join(folder, 'node_modules'));
    symlinkSync(fileURLToPath(new URL('..', import.meta.url)), join(folder, 'node_modules/rpc-kit'));
    symlinkSync(fileURLToPath(new URL('../../node_modules/zod', import.meta.url)), join(folder, 'node_modules/zod'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const path = (name: string): string => join(folder, name);
  /** Writes a file, each under a name of its own, because Node loads a module once. */
  let written = 0;
  function file(content: string, ending = '.ts'): string {
    written += 1;
    writeFileSync(path(`${written}${ending}`), content);
    return path(`${written}${ending}`);
  }
  const read = (name: string): string => readFileSync(path(name), 'utf8');
  async function succeed(...args: string[]): Promise<CliResult> {
    const result = await runCli(args);
    assert.deepEqual([result.exitCode, result.notes], [0, '']);
    return result;
  }

  it('writes the page of a contract, and its methods as Markdown', async () => {
    const contract = file(OLD);
    const page = await succeed('docs', contract);
    assert.match(page.output, /^<!doctype html>[\s\S]*<title>shop 1\.0\.0<\/title>/);
    const markdown = await succeed('docs', contract, '--markdown', '--url', 'https://shop.example');
    assert.match(markdown.output, /^## shop\n[\s\S]*### buy\n[\s\S]* https:\/\/shop\.example\/buy\n/);
  });

  it('takes the contract that --export names from a module with several', async () => {
    const { output } = await succeed('openrpc', file(`${OLD}${SECOND}`), '--export', 'store');
    assert.equal(JSON.parse(output).info.title, 'store');
  });

  it('writes the OpenAPI document, with the URL of the service where it is passed', async () => {
    const contract = file(OLD);
    const relative = JSON.parse((await succeed('openapi', contract)).output);
    assert.deepEqual([relative.openapi, relative.servers[0].url], ['3.1.0', '/']);
    const absolute = JSON.parse((await succeed('openapi', contract, '--url=https://shop.example/x')).output);
    assert.deepEqual(absolute.servers, [{ url: 'https://shop.example/x' }]);
  });

  it('keeps the path of the URL, below which a mounted service has its addresses', async () => {
    const contract = file(OLD);
    const { output } = await succeed('openrpc', contract, '--url', 'https://shop.example/buys/');
    assert.equal(JSON.parse(output).servers[0].url, 'https://shop.example/buys/rpc');
    const markdown = await succeed('docs', contract, '--markdown', '--url', 'https://shop.example/buys/');
    assert.match(markdown.output, / https:\/\/shop\.example\/buys\/buy\n/);
  });

  it('writes the OpenRPC document to a file, which later contracts are compared with', async () => {
    const { output } = await succeed(
      'openrpc',
      file(OLD),
      '--url',
      'https://shop.example',
      '--out',
      path('openrpc.json'),
    );
    assert.equal(output, '');
    assert.equal(JSON.parse(read('openrpc.json')).servers[0].url, 'https://shop.example/rpc');
    const { output: verdict } = await succeed('diff', path('openrpc.json'), file(OLD));
    assert.equal(verdict, 'shop 1.0.0: compatible, nothing changed.\n');
  });

  it('writes the .proto file, and gives new members new numbers in the lock file', async () => {
    const lock = path('proto.lock.json');
    const first = await runCli(['proto', file(WITH_NOTE), '--lock', lock, '--package', 'acme']);
    assert.deepEqual(
      [first.exitCode, first.notes],
      [0, `Created ${lock}: commit it, because it keeps the numbers of the fields.\n`],
    );
    assert.match(first.output, /package acme\.shop\.v1;[\s\S]*uint32 sku = 1;[\s\S]*optional string note = 2;/);
    const second = await runCli(['proto', file(moduleOf('user: uint32, note: text(20).optional()')), '--lock', lock]);
    assert.match(second.notes, /^Updated /);
    assert.match(second.output, /reserved 1;[\s\S]*uint32 user = 3;[\s\S]*optional string note = 2;/);
    const again = await succeed('proto', file(moduleOf('user: uint32, note: text(20).optional()')), '--lock', lock);
    assert.equal(again.output, second.output);
  });

  it('says by its text and exit code whom a change breaks', async () => {
    const [old, withNote, needsNote] = [file(OLD), file(WITH_NOTE), file(NEEDS_NOTE)];
    const breaking = await runCli(['diff', old, needsNote]);
    assert.equal(breaking.exitCode, 1);
    assert.equal(
      breaking.output,
      `shop 1.0.0: breaks callers, 2 changes.

These break callers of the old version:
  buy: the param "note" is required now.

These break callers of the new version at services of the old one, so deploy services first:
  buy: the param "note" is new.
`,
    );
    assert.match((await succeed('diff', old, withNote)).output, /^shop 1\.0\.0: services first, 1 change\.\n/);
    const longer = file(OLD.replace('timeoutMs: 100', 'timeoutMs: 200').replace('1.0.0', '1.0.1'));
    assert.equal(
      (await succeed('diff', old, longer)).output,
      'shop 1.0.0 → 1.0.1: compatible, 1 change.\n\nThese break neither:\n  buy: its timeout was 100 ms, and is 200 ms now.\n',
    );
  });

  it('says what the guide says of its example', async () => {
    const prices = readFileSync(new URL('../examples/prices-contract.ts', import.meta.url), 'utf8');
    const changed = prices
      .replace('1.0.0', '1.1.0')
      .replace('sku: uint32 })', 'sku: uint32, currency: z.enum(["eur", "usd"]).optional() })')
      .replace(/errors: \{[\s\S]*?\n {6}\},\n/, 'errors: {},\n');
    const guide = readFileSync(new URL('../../docs/guide/command-line.md', import.meta.url), 'utf8');
    const [, shown] = /\$ npx rpc-kit diff .*\n([\s\S]*?)```/.exec(guide) ?? [];
    assert.equal((await runCli(['diff', file(prices), file(changed)])).output, shown);
  });

  it('writes the changes as JSON', async () => {
    const { exitCode, output } = await runCli(['diff', file(WITH_NOTE), file(OLD), '--json']);
    assert.equal(exitCode, 1);
    assert.deepEqual(JSON.parse(output), {
      service: 'shop',
      before: '1.0.0',
      after: '1.0.0',
      verdict: 'breaks callers',
      changes: [{ subject: 'buy', sentence: 'the param "note" is no longer accepted.', breaks: ['callers'] }],
    });
  });

  it('lists its commands, and the options of each', async () => {
    const { output } = await succeed();
    assert.equal((await succeed('--help')).output, output);
    for (const command of ['docs', 'openapi', 'openrpc', 'proto', 'diff']) {
      assert.match(output, new RegExp(`^  ${command} `, 'm'));
      const help = await succeed(command, '--help');
      assert.match(help.output, new RegExp(`^rpc-kit ${command} <[\\s\\S]*--export <name>[\\s\\S]*--out <file>`));
    }
  });

  const BAD: [what: string, args: () => string[], sentence: RegExp][] = [
    [
      'an unknown command',
      () => ['explain', 'x.ts'],
      /^There is no command explain: use docs, openapi, .*, or --help\.$/,
    ],
    [
      'an unknown option',
      () => ['docs', 'x.ts', '--colour'],
      /^Unknown option '--colour' \(rpc-kit docs --help lists the options\)\.$/,
    ],
    [
      'an option without its value',
      () => ['docs', 'x.ts', '--out'],
      /^Option '--out <value>' argument missing \(rpc-kit docs/,
    ],
    ['no contract', () => ['docs'], /^Usage: rpc-kit docs <contract> \[options\] \(.*\)\.$/],
    ['one contract for diff', () => ['diff', 'x.ts'], /^Usage: rpc-kit diff <before> <after> \[options\] /],
    ['a file that does not exist', () => ['docs', path('none.ts')], /^There is no file \S+none\.ts\.$/],
    ['a path below a file', () => ['docs', `${file(OLD)}/x.ts`], /^\S+ cannot be read: ENOTDIR: .*\.$/],
    ['a folder', () => ['docs', folder], /^\S+ is no file: pass the module that exports the contract\.$/],
    ['a file that is no module', () => ['docs', file('{}', '.json')], /is no module: its name has to end with \.ts, /],
    [
      'a module without a contract',
      () => ['docs', file('export const a = 1;')],
      /exports no contract: export what defineService returns\.$/,
    ],
    [
      'a module with several contracts',
      () => ['docs', file(OLD + SECOND)],
      /exports several contracts \(shop, store\): choose one by --export\.$/,
    ],
    [
      'an export that is no contract',
      () => ['docs', file(OLD), '--export', 'store'],
      /exports no contract store: it exports shop\.$/,
    ],
    ['a syntax error', () => ['docs', file('export const = ;')], /^\S+ cannot be loaded: .+ \(\S+\.ts:1\)\.$/],
    [
      'syntax that Node cannot strip',
      () => ['docs', file('export enum A { b }')],
      /cannot be loaded: TypeScript enum is not supported .* \(\S+\.ts:1\)\.$/,
    ],
    [
      'a package that is not installed',
      () => ['docs', file(`import 'no-such-package';`)],
      /cannot be loaded: Cannot find package 'no-such-package' imported from \S+\.$/,
    ],
    [
      'a contract that defineService refuses',
      () => ['docs', file(OLD.replace('timeoutMs: 100', 'timeoutMs: 0'))],
      /cannot be loaded: shop\.buy: timeoutMs must be a number above 0\.$/,
    ],
    ['a module that throws no error', () => ['docs', file('throw undefined;')], /cannot be loaded: undefined\.$/],
    ['a module that throws an object', () => ['docs', file('throw Object.create(null);')], /cannot be loaded: .+\.$/],
    [
      'a method that defineService has not seen',
      () => ['docs', file(`export const shop = { name: 'shop', version: '1', methods: { buy: null } };`)],
      /^rpc-kit docs cannot use this: .+\.$/,
    ],
    [
      'a document with a schema that is none',
      () => ['diff', file(OPENRPC.replace('"required":["a"]', '"required":5'), '.json'), file(OPENRPC, '.json')],
      /^rpc-kit diff cannot use this: .+\.$/,
    ],
    [
      'schemas of zod 3',
      () => ['docs', file(moduleOf('sku: z.number()', '', 'zod/v3'))],
      /^shop\.buy in \S+ has a schema that is not of zod 4: import z from zod 4 /,
    ],
    [
      'a URL of another scheme',
      () => ['openrpc', file(OLD), '--url', 'ftp://a'],
      /^--url is "ftp:\/\/a", but has to be an http or https URL\.$/,
    ],
    ['a URL for the page', () => ['docs', file(OLD), '--url', 'http://a'], /^--url needs --markdown: /],
    [
      'a file that cannot be written',
      () => ['openrpc', file(OLD), '--out', path('none/x.json')],
      /cannot be written: ENOENT: .*\.$/,
    ],
    ['no lock file', () => ['proto', file(OLD)], /^--lock is missing: /],
    [
      'a new lock file without a package',
      () => ['proto', file(OLD), '--lock', path('new.json')],
      /^There is no lock file \S+new\.json: pass --package to create it\.$/,
    ],
    [
      'a package that protobuf refuses',
      () => ['proto', file(OLD), '--lock', path('new.json'), '--package', 'A-b'],
      /^--package is "A-b", but has to consist of /,
    ],
    [
      'another file as the lock file',
      () => ['proto', file(OLD), '--lock', file('{}', '.json')],
      /is no lock file of rpc-kit proto: .*→ at package.*\.$/,
    ],
    [
      'a lock file that gives a number twice, as a merge of two branches may',
      () => ['proto', file(OLD), '--lock', file(mergedLock, '.json')],
      /is no lock file of rpc-kit proto: .*the number 1 is given twice: take the newer member out of the file .*BuyRequest\.$/,
    ],
    ['a folder as the lock file', () => ['proto', file(OLD), '--lock', folder], /cannot be read: EISDIR: .*\.$/],
    [
      'a lock file that cannot be written',
      () => ['proto', file(OLD), '--lock', path('none/x.json'), '--package', 'acme'],
      /cannot be written: ENOENT: .*\.$/,
    ],
    [
      'another package than that of the lock file',
      () => ['proto', file(OLD), '--lock', file('{"package":"acme","services":{}}', '.json'), '--package', 'other'],
      /has the package acme: leave --package out, or start a new lock file\.$/,
    ],
    [
      'a contract that protobuf cannot declare',
      () => ['proto', file(moduleOf('sku: uint32.nullable()')), '--lock', path('new.json'), '--package', 'acme'],
      /^The contract has no \.proto file: shop: BuyRequest has the member sku, of the type nullable; it has no message\.$/,
    ],
    [
      'a document that is no JSON',
      () => ['diff', file('{', '.json'), file(OLD)],
      /is no OpenRPC document of a service of rpc-kit: .+\.$/,
    ],
    [
      'a document of another kind',
      () => ['diff', file('{"openapi":"3.1.0"}', '.json'), file(OLD)],
      /is no OpenRPC document of a service of rpc-kit: .*→ at openrpc.*\.$/,
    ],
    [
      'contracts of two services',
      () => ['diff', file(OLD), file(OLD.replace("'shop'", "'store'"))],
      /is a contract of shop, and \S+ of store: pass two versions of one service\.$/,
    ],
  ];
  for (const [what, args, sentence] of BAD) {
    it(`refuses ${what} in one sentence`, async () => {
      const { exitCode, output, notes } = await runCli(args());
      assert.deepEqual([exitCode, output], [2, '']);
      assert.match(notes.trimEnd(), sentence);
      assert.equal(notes.split('\n').length, 2);
    });
  }

  it('waits 10 s for a module, and no longer', async () => {
    const waits = file('await new Promise(() => {});');
    const clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const result = runCli(['docs', waits]);
      while (clock.countTimers() === 0) await setImmediate();
      clock.tick(10_000);
      assert.match((await result).notes, /had not loaded after 10 s: a contract must not wait for anything\.\n$/);
    } finally {
      clock.restore();
    }
  });

  describe('as a process', () => {
    const start = (...args: string[]) => spawn(process.execPath, [MAIN, ...args], { cwd: folder });

    async function run(...args: string[]): Promise<[exitCode: number, output: string, notes: string]> {
      const child = start(...args);
      const texts = Promise.all([text(child.stdout), text(child.stderr)]);
      const [exitCode] = await once(child, 'close');
      return [exitCode, ...(await texts)];
    }

    it('ends with 0, 1 or 2, with its output and its complaint apart', async () => {
      const [old, needsNote] = [file(OLD), file(NEEDS_NOTE)];
      assert.deepEqual(await run('diff', old, old), [0, 'shop 1.0.0: compatible, nothing changed.\n', '']);
      const [exitCode, output, notes] = await run('diff', old, needsNote);
      assert.deepEqual([exitCode, output.split('\n')[0], notes], [1, 'shop 1.0.0: breaks callers, 2 changes.', '']);
      assert.deepEqual(await run('docs', 'none.ts'), [2, '', 'There is no file none.ts.\n']);
    });

    it('ends although the module of the contract keeps a timer', async () => {
      const [exitCode, output] = await run('openapi', file(`${OLD}setInterval(() => {}, 1_000);`));
      assert.equal(exitCode, 0);
      assert.equal(JSON.parse(output).info.title, 'shop');
    });

    it('writes nothing but the document, whatever the module of the contract prints', async () => {
      const [exitCode, output, notes] = await run('openapi', file(`${OLD}console.log('hello');`));
      assert.deepEqual([exitCode, JSON.parse(output).info.title, notes], [0, 'shop', 'hello\n']);
    });

    for (const [what, more, sentence] of [
      ['ends the process', 'process.exit(0);', /^The module of the contract ended the process: .+\.\n$/],
      [
        'leaves a promise that fails',
        `Promise.reject(new Error('no database.')); await new Promise(() => {});`,
        /^The module of the contract failed in the background: no database\.\n$/,
      ],
    ] as const) {
      it(`ends with 2 and one sentence when the module of the contract ${what}`, async () => {
        const [exitCode, output, notes] = await run('diff', file(OLD), file(OLD + more));
        assert.deepEqual([exitCode, output], [2, '']);
        assert.match(notes, sentence);
      });
    }

    it('ends without a complaint when the reader of its output has left', async () => {
      const child = start('docs', file(OLD));
      child.stdout.destroy();
      const complaint = text(child.stderr);
      assert.deepEqual(await once(child, 'close'), [0, null]);
      assert.equal(await complaint, '');
    });
  });
});
