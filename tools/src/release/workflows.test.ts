import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT_DIRECTORY } from 'mesh';

const workflows = globSync('.github/workflows/*.yml', { cwd: PROJECT_DIRECTORY }).map(
  (path) => [path, readFileSync(join(PROJECT_DIRECTORY, path), 'utf8')] as const,
);

describe('The workflows', () => {
  it('use actions that are pinned to a commit, with its version beside it', () => {
    const used = workflows.flatMap(([path, text]) => (text.match(/uses: .*/g) ?? []).map((line) => `${path}: ${line}`));
    assert.ok(used.length > 10, `only ${used.length} uses were found`);
    assert.deepEqual(
      used.filter((line) => !/uses: [\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(line)),
      [],
    );
  });

  it('let only the job that publishes a release prove its identity and write, and that job checks nothing out', () => {
    const [, release = ''] = workflows.find(([path]) => path.endsWith('release.yml')) ?? [];
    const [checks = '', publish = ''] = release.split('\n  publish:\n');
    assert.match(publish, /id-token: write\n\s+contents: write\n/);
    assert.doesNotMatch(publish, /actions\/checkout|npm (ci|install)(?! --global npm@)/);
    for (const [path, text] of workflows) {
      assert.doesNotMatch(text === release ? checks : text, /: write$/m, path);
    }
  });

  it('limit the time of each job', () => {
    for (const [path, text] of workflows) {
      assert.equal(text.match(/runs-on:/g)?.length, text.match(/timeout-minutes:/g)?.length, path);
    }
  });
});
