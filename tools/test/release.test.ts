import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { judgePackage } from '../src/release/judge-package.ts';
import { packPackage, writeSbomOfServices } from '../src/release/package.ts';
import { prepareRelease } from '../src/release/prepare-release.ts';

describe('A release of rpc-kit', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'rpc-kit-release-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const read = (name: string): string => readFileSync(join(folder, name), 'utf8');

  describe('that is prepared', () => {
    let tarball: string;
    // Publint and Are The Types Wrong judge the tarball on the way.
    before(async () => {
      ({ tarball } = await prepareRelease({ folder, repository: 'https://github.com/someone/mesh' }));
    });

    it('has a tarball of compiled files, without tests and without sources beside them', () => {
      const files = execFileSync('tar', ['-tzf', tarball], { encoding: 'utf8' }).trim().split('\n');
      assert.ok(files.includes('package/index.js') && files.includes('package/cli/main.js'));
      const expected = /\.(js|js\.map|d\.ts|css|binpb)$|^package\/(LICENSE|README\.md|package\.json)$/;
      assert.deepEqual(
        files.filter((file) => !expected.test(file) || /\.test\.|\/test\//.test(file)),
        [],
      );
    });

    it('names the repository that its provenance names', () => {
      const manifest = JSON.parse(
        execFileSync('tar', ['-xzOf', tarball, 'package/package.json'], { encoding: 'utf8' }),
      );
      assert.deepEqual(manifest.repository, {
        type: 'git',
        url: 'git+https://github.com/someone/mesh.git',
        directory: 'rpc-kit',
      });
    });

    it('lists the packages that it brings', () => {
      const { metadata, components } = JSON.parse(read('sbom.json'));
      assert.equal(metadata.component.name, 'rpc-kit');
      const names: string[] = components.map(({ name }: { name: string }) => name);
      const expected = ['commander', 'jayson', 'opossum', 'undici', 'zod'];
      assert.deepEqual(
        expected.filter((name) => !names.includes(name)),
        [],
      );
      const foreign = ['order-mesh', 'express', 'pino', 'prom-client', 'rpc-kit'];
      assert.deepEqual(
        foreign.filter((name) => names.includes(name)),
        [],
      );
    });

    it('has notes', () => {
      assert.match(read('notes.md'), /^\S/);
    });
  });

  it('is refused for the tag of another version, before anything is built', async () => {
    await assert.rejects(
      prepareRelease({ folder, tag: 'rpc-kit-v99.0.0' }),
      /The tag is rpc-kit-v99\.0\.0, but .* has the version /,
    );
  });

  describe('is refused', () => {
    const judge = (manifest: object, files: Record<string, string>): Promise<string[]> => {
      const built = mkdtempSync(join(folder, 'bad-'));
      mkdirSync(join(built, 'out'));
      writeFileSync(
        join(built, 'package.json'),
        JSON.stringify({ name: 'bad', version: '1.0.0', type: 'module', ...manifest }),
      );
      for (const [name, text] of Object.entries(files)) writeFileSync(join(built, name), text);
      return judgePackage(packPackage(built, join(built, 'out')));
    };

    it('without types', async () => {
      const mistakes = await judge({ exports: './a.js' }, { 'a.js': 'export const a = 1;' });
      assert.ok(mistakes.includes('attw: there are no types.'), mistakes.join('\n'));
    });

    it('with an entry whose module is not in the tarball', async () => {
      const exports = { '.': { types: './a.d.ts', default: './b.js' } };
      const mistakes = await judge({ exports }, { 'a.d.ts': 'export declare const a: number;' });
      assert.match(mistakes.join('\n'), /publint: .*b\.js/);
    });

    it('with types that import what is not there', async () => {
      const exports = { '.': { types: './a.d.ts', default: './a.js' } };
      const files = { 'a.js': 'export const a = 1;', 'a.d.ts': "export { a } from './b.js';" };
      assert.match((await judge({ exports }, files)).join('\n'), /attw: InternalResolutionError/);
    });
  });
});

describe('The list of the packages that services bring', () => {
  it('has those that other packages need for their development too, and not those that only these need', () => {
    const { components } = JSON.parse(writeSbomOfServices());
    const names = new Set(components.map(({ name }: { name: string }) => name));
    const expected = [
      'gateway',
      'service-kit',
      'rpc-kit',
      'undici',
      'jayson',
      'zod',
      'pino',
      'pg',
      'prom-client',
      'fastify',
    ];
    assert.deepEqual(
      expected.filter((name) => !names.has(name)),
      [],
    );
    assert.deepEqual(
      ['express', 'mocha', 'typedoc', 'benchmarks', 'order-mesh'].filter((name) => names.has(name)),
      [],
    );
  });
});
