import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

const MODULE = 'connectrpc.com/conformance@v1.0.7';
/** It takes seconds; cases that wait for deadlines take longer on a busy machine. */
const SUITE_TIMEOUT_MS = 100_000;
/** Fewer cases would mean that the configuration leaves some out unseen. */
const CASES = { server: 360, client: 434 } as const;

describe('The conformance suite of Connect, over gRPC', () => {
  let folder: string;
  let image: string;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'rpc-kit-conformance-'));
    image = join(folder, 'conformance.binpb');
    const { stdout } = await run('go', ['mod', 'download', '-json', MODULE]);
    const protos = join((JSON.parse(stdout) as { Dir: string }).Dir, 'proto');
    const buf = createRequire(import.meta.url).resolve('@bufbuild/buf/bin/buf');
    await run(process.execPath, [buf, 'build', protos, '--as-file-descriptor-set', '-o', image]);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const mode of ['server', 'client'] as const) {
    it(`passes for our ${mode}, but for the cases that are listed with their reasons`, async () => {
      const here = import.meta.dirname;
      const options = [
        ...['--mode', mode, '--conf', join(here, 'features.yaml')],
        ...['--known-failing', `@${join(here, `${mode}-known-failing.txt`)}`],
      ];
      const program = [process.execPath, join(here, `${mode}-main.ts`), image];
      // A case that is listed and passes fails the suite, too.
      const { stdout, stderr } = await run(process.env.CONNECTCONFORMANCE as string, [...options, '--', ...program], {
        timeout: SUITE_TIMEOUT_MS,
        maxBuffer: 16 * 1024 * 1024,
      }).catch((error) => assert.fail(`${error.stdout}${error.stderr}`));
      assert.match(`${stdout}${stderr}`, new RegExp(`Total cases: ${CASES[mode]}\n`));
    });
  }
});
