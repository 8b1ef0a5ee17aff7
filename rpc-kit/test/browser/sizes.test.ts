import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { measureSizes, sizeRow } from './sizes.ts';

/** Growth beyond it is to be decided on, and then committed as the new figure. */
const GROWTH_MAX = 1.05;

/** esbuild takes seconds on a busy machine. */
const BUILD_MS = 60_000;

describe('The bundle of rpc-kit/client', () => {
  it("has at most 5 % more bytes than rpc-kit's README says, and no documents and no servers in it", async () => {
    const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8');
    for (const row of await measureSizes()) {
      const measured = sizeRow(row);
      const committed = readme.split('\n').find((line) => line.startsWith(`| ${row.program} |`)) ?? '';
      const figures = committed.split('|').slice(2, -1).map(Number);
      assert.equal(figures.length, 4, `no row for ${measured}`);
      measured
        .split('|')
        .slice(2, -1)
        .map(Number)
        .forEach((figure, index) => {
          const most = (figures[index] as number) * GROWTH_MAX;
          assert.ok(figure <= most, `${measured} has grown over the README's\n${committed}`);
          assert.ok(figure >= (figures[index] as number) / GROWTH_MAX, `${measured} is smaller: update\n${committed}`);
        });
      const foreign = [...row.bundle.files.keys()].filter((path) =>
        /\/(?:documents|server|serving|grpc)\/|compile-schema|telemetry\/(?:metrics|tracing|logging)/.test(path),
      );
      assert.deepEqual(foreign, []);
    }
  }).timeout(BUILD_MS);
});
