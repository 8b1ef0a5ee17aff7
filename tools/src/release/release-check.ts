import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { runScript, shortPath } from 'mesh';
import { prepareRelease } from './prepare-release.ts';

/** `make release-check`: everything of a release of rpc-kit but its publication. OUT keeps the files. */
await runScript(async () => {
  const { TAG: tag, OUT: out, REPOSITORY: repository } = process.env;
  const folder = out ? resolve(out) : mkdtempSync(join(tmpdir(), 'rpc-kit-release-'));
  try {
    const { tarball, version } = await prepareRelease({
      tag: tag || undefined,
      repository: repository || undefined,
      folder,
    });
    console.log(
      `rpc-kit ${version} can be released${out ? `: ${shortPath(tarball)}, sbom.json and notes.md beside it` : ''}.`,
    );
  } finally {
    if (!out) rmSync(folder, { recursive: true, force: true });
  }
  return 0;
});
