import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleForBrowsers } from '../browser/bundle.ts';
import { type Consumer, createConsumer } from './consumer.ts';
import { installOldNodes, OLD_NODES, type OldNode } from './old-nodes.ts';
import { createPackedSuites } from './packed-suites.ts';
import { PACKAGE, packTarball, type Tarball } from './tarball.ts';

const OPTIONAL = Object.keys(JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8')).peerDependenciesMeta);
const README = readFileSync(join(PACKAGE, 'README.md'), 'utf8');
const [, SETTINGS = ''] = README.match(/```json\n([\s\S]*?)```/) ?? [];

/** Files that are neither modules nor what belongs to a module. */
const OTHER_FILES = [
  'LICENSE',
  'README.md',
  'documents/docs-page/page.css',
  'documents/docs-page/page.js',
  'grpc/schema/vendored.binpb',
  'package.json',
];

/** Node's own HTTP/2 leaves the connection of such a peer open before 22.23.0; README says so. */
const NOT_ON_OLDEST =
  /closes its connection alone|headers of more than 64 KB|rapid reset|takes bytes that are no HTTP\/2/;

const exampleNamed = (name: string): string =>
  readFileSync(join(PACKAGE, 'examples', name), 'utf8').replaceAll(/port: 700\d/g, 'port: 0');
const examplesNamed = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, exampleNamed(name)]));
const PRICES = ['prices-contract.ts', 'prices-service.ts'];
const PAGE = ['counter-contract.ts', 'counter-page.ts'];
const TWO_SERVICES = [...PRICES, 'basket-contract.ts', 'basket-service.ts', 'basket.test.ts', 'main.ts'];

describe('the package of rpc-kit', () => {
  let folder: string;
  let tarball: Tarball;
  let nodes: Readonly<Record<string, string>>;
  const NODES = [...(Object.keys(OLD_NODES) as OldNode[]), 'newest'];
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rpc-kit-package-'));
    tarball = await packTarball(join(folder, 'first'));
    nodes = { ...(await installOldNodes(join(folder, 'nodes'))), newest: process.execPath };
  });
  after(() => rm(folder, { recursive: true, force: true }));
  const nodeNamed = (name: string): string => nodes[name] ?? '';

  it('holds modules, each with its declarations and its source map, and no tests', () => {
    const modules = tarball.files.filter((path) => path.endsWith('.d.ts')).map((path) => path.slice(0, -5));
    assert.ok(modules.length > 100, `only ${modules.length} modules`);
    const expected = [...modules.flatMap((name) => [`${name}.d.ts`, `${name}.js`, `${name}.js.map`]), ...OTHER_FILES];
    assert.deepEqual([...tarball.files].sort(), expected.sort());
    assert.deepEqual(
      tarball.files.filter((path) => /test\b(?!ing)/.test(path)),
      [],
    );
  });

  it('has the same bytes when it is built again in another folder', async () => {
    assert.equal((await packTarball(join(folder, 'another/second'))).integrity, tarball.integrity);
  });

  describe('installed with zod alone', () => {
    let consumer: Consumer;
    before(async () => {
      const files = examplesNamed([...TWO_SERVICES, 'mounted-on-node.ts', ...PAGE]);
      consumer = await createConsumer(join(folder, 'core'), { tarball, packages: ['zod'], files, settings: SETTINGS });
    });

    it('brings none of the optional packages', () => {
      assert.ok(consumer.packages.includes('undici'));
      assert.deepEqual(
        consumer.packages.filter((name) => OPTIONAL.includes(name)),
        [],
      );
    });

    it("lets README's two services compile with TypeScript 5.9 and 7, by both resolutions", () => consumer.compile());

    it("lets README's page be bundled, without zod's compiler", async () => {
      const stdin = { contents: `export * from './counter-page.ts';`, resolveDir: join(folder, 'core/examples') };
      const { files } = await bundleForBrowsers('', { stdin: { ...stdin, loader: 'ts' } });
      const names = [...files.keys()].join('\n');
      assert.match(names, /rpc-kit\/schema\/run-time-schema\.js$/m);
      assert.doesNotMatch(names, /compile-schema|v4\/core\/compile\.js/);
    });

    for (const name of NODES) {
      it(`serves what README's line with curl asks for on the ${name} Node, and ends at Ctrl-C`, async () => {
        const main = await consumer.start(nodeNamed(name), 'main.js');
        const [url] = /http:\/\/[^/]+/.exec(main.firstLine) ?? [];
        const [, body = '', answered] =
          README.match(/-d '(\S+)' 127\.0\.0\.1:7002\/total\n```\n\nanswers `(.+)`/) ?? [];
        try {
          const headers = { 'content-type': 'application/json' };
          const answer = await fetch(`${url}/total`, { method: 'POST', headers, body });
          assert.equal(await answer.text(), answered);
        } finally {
          assert.equal(await main.interrupt(), 0);
        }
      });

      it(`has a command that compares contracts, in TypeScript and compiled, on the ${name} Node`, async () => {
        const node = nodeNamed(name);
        await consumer.runCommand(node, 'openrpc', 'examples/prices-contract.ts', '--out', 'openrpc.json');
        const compared = await consumer.runCommand(node, 'diff', 'openrpc.json', 'out/examples/prices-contract.js');
        assert.equal(compared, 'prices 1.0.0: compatible, nothing changed.\n');
        const proto = consumer.runCommand(node, 'proto', 'examples/prices-contract.ts', '--lock', 'lock.json');
        await assert.rejects(proto, /rpc-kit proto needs @bufbuild\/protobuf: run npm install @bufbuild\/protobuf\./);
      });
    }
  });

  describe('installed with the optional packages', () => {
    let consumer: Consumer;
    before(async () => {
      const observed = readFileSync(join(import.meta.dirname, 'observed.ts'), 'utf8');
      const files = {
        ...examplesNamed([...PRICES, 'prices-grpc.ts']),
        'observed.ts': observed.replaceAll('../../examples/', './'),
      };
      const packages = ['zod', ...OPTIONAL];
      consumer = await createConsumer(join(folder, 'whole'), { tarball, packages, files, settings: SETTINGS });
    });

    it('lets their entries compile with TypeScript 5.9 and 7, by both resolutions', () => consumer.compile());

    for (const name of NODES) {
      it(`counts, logs and traces calls, and speaks gRPC, on the ${name} Node`, async () => {
        const lines = (await consumer.run(nodeNamed(name), 'observed.js')).trim().split('\n');
        const [inside, call, printed] = lines.map((line) => JSON.parse(line));
        assert.deepEqual([inside.msg, inside.request_id], ['inside', 'test-request']);
        assert.deepEqual([call.msg, call.method, call.code], ['call', 'priceOf', 'ok']);
        const counted = ['rpc_server_requests_total{service="prices",method="priceOf",code="ok"} 1'];
        assert.deepEqual(printed, { price: 5, counted, overGrpc: 2_499, hasGrpcMetrics: true });
      });
    }
  });

  describe('in place of the sources', () => {
    let suites: Awaited<ReturnType<typeof createPackedSuites>>;
    before(async () => {
      suites = await createPackedSuites(join(folder, 'suites'), tarball);
    });

    it('passes the conformance suite on the oldest Node', () =>
      suites.run(nodeNamed('oldest'), 'test/conformance/*.test.js'));

    it('passes the suite of gRPC on the oldest Node, but for what its HTTP/2 does not do', () =>
      suites.run(nodeNamed('oldest'), 'test/grpc/*.test.js', ['--grep', NOT_ON_OLDEST.source, '--invert']));

    it('passes the rest of it on the Node in between', () =>
      suites.run(nodeNamed('middle'), 'test/grpc/*.test.js', ['--grep', NOT_ON_OLDEST.source]));
  });
});
