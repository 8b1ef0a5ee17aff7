import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { PROJECT_DIRECTORY } from 'mesh';

/** Records its arguments and does what NPM_DOES says: the real npm would download some hundred packages. */
const NPM = `#!/bin/sh
echo "$* proxy=$NODE_USE_ENV_PROXY workspace=$npm_config_workspace" >> calls
case "$NPM_DOES" in
  fail) exit 1 ;;
  install) mkdir -p node_modules/.bin && ln -sf "$RUNTIME" node_modules/.bin/node ;;
  *) mkdir -p node_modules ;;
esac
touch node_modules/.package-lock.json
`;
const A_SECOND_AGO = Date.now() / 1_000 - 1;

describe('The packages of make', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'order-mesh-make-'));
    copyFileSync(join(PROJECT_DIRECTORY, 'Makefile'), join(folder, 'Makefile'));
    writeFileSync(join(folder, 'package-lock.json'), '{}');
    utimesSync(join(folder, 'package-lock.json'), A_SECOND_AGO, A_SECOND_AGO);
    mkdirSync(join(folder, 'bin'));
    writeFileSync(join(folder, 'bin/npm'), NPM);
    chmodSync(join(folder, 'bin/npm'), 0o755);
    symlinkSync(process.execPath, join(folder, 'bin/node'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  function make(variables: NodeJS.ProcessEnv): { status: number | null; complaints: string[] } {
    const environment = { PATH: `${join(folder, 'bin')}${delimiter}${process.env.PATH}`, RUNTIME: process.execPath };
    const options = { cwd: folder, env: { ...environment, ...variables }, encoding: 'utf8' } as const;
    const { status, stderr } = spawnSync('make', ['packages'], options);
    const complaints = stderr.split('\n').filter((line) => line !== '' && !line.startsWith('make: '));
    return { status, complaints };
  }
  const calls = () =>
    existsSync(join(folder, 'calls')) ? readFileSync(join(folder, 'calls'), 'utf8').split('\n') : [];

  it('are installed completely, although NODE_ENV and npm_config_* of the shell omit some', () => {
    const { status, complaints } = make({ NODE_ENV: 'production', npm_config_workspace: 'loms', NPM_DOES: 'install' });
    assert.deepEqual({ status, complaints }, { status: 0, complaints: [] });
    const [call = ''] = calls();
    for (const flag of ['--include=dev', '--include=optional', '--ignore-scripts=false', '--bin-links=true']) {
      assert.ok(call.includes(` ${flag} `), flag);
    }
    assert.ok(call.endsWith('workspace='));
  });

  it('are installed, and every target runs, without a proxy between the processes of this machine', () => {
    assert.equal(make({ NODE_USE_ENV_PROXY: '1', NPM_DOES: 'install' }).status, 0);
    assert.ok(calls()[0]?.includes(' proxy= '));
  });

  it('do not count as installed without the pinned Node: the next call installs them', () => {
    const sentence = /^npm ci left no Node that runs in node_modules\/\.bin: .*\.$/;
    const without = make({ NPM_DOES: 'leave Node out' });
    assert.notEqual(without.status, 0);
    assert.equal(without.complaints.length, 1);
    assert.match(without.complaints[0] ?? '', sentence);
    assert.equal(make({ NPM_DOES: 'install' }).status, 0);
    assert.equal(make({ NPM_DOES: 'fail', NODE_OPTIONS: '--no-such-option' }).status, 0);
    assert.equal(calls().filter((call) => call !== '').length, 2);
  });

  it('are installed again after an installation that failed', () => {
    assert.equal(make({ NPM_DOES: 'install' }).status, 0);
    // An hour ahead of the clock, as the tests before this one may take minutes on a busy machine.
    utimesSync(join(folder, 'package-lock.json'), A_SECOND_AGO + 3_600, A_SECOND_AGO + 3_600);
    const failed = make({ NPM_DOES: 'fail' });
    assert.match(failed.complaints.join('\n'), /^npm ci failed, see above: .*, then call make again\.$/);
    utimesSync(join(folder, 'package-lock.json'), A_SECOND_AGO, A_SECOND_AGO);
    assert.equal(make({ NPM_DOES: 'install' }).status, 0);
    assert.equal(calls().filter((call) => call !== '').length, 3);
  });
});
