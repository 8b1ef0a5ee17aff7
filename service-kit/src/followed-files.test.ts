import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import sinon from 'sinon';
import { followFiles } from './followed-files.ts';

describe('followed files', () => {
  let folder: string;
  let clock: sinon.SinonFakeTimers;
  let lines: { level: number; msg: string; err?: { message: string } }[];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'followed-files-'));
    clock = sinon.useFakeTimers();
    lines = [];
  });
  afterEach(() => {
    clock.restore();
    rmSync(folder, { recursive: true });
  });

  const put = (name: string, text: string): void => writeFileSync(join(folder, name), text);

  /** Follows two numbers that have to be equal. */
  function follow() {
    const logger = pino({}, { write: (line: string) => lines.push(JSON.parse(line)) });
    return followFiles({
      files: { LEFT_FILE: join(folder, 'left'), RIGHT_FILE: join(folder, 'right') },
      parse({ LEFT_FILE, RIGHT_FILE }) {
        if (LEFT_FILE !== RIGHT_FILE) throw new Error('LEFT_FILE and RIGHT_FILE have to be equal');
        return { number: Number(LEFT_FILE) };
      },
      logger,
    });
  }

  it('keep one value until they change, and have the new one a second later', () => {
    put('left', '1');
    put('right', '1');
    using followed = follow();
    const first = followed.current;
    clock.tick(5_000);
    assert.equal(followed.current, first);
    put('left', '2');
    put('right', '2');
    assert.equal(followed.current, first);
    clock.tick(1_000);
    assert.deepEqual(followed.current, { number: 2 });
    assert.deepEqual(
      lines.map(({ msg }) => msg),
      ['files changed: their new contents are in use'],
    );
  });

  it('keep the old value while they are replaced one by one, and log each refused state once', () => {
    put('left', '1');
    put('right', '1');
    using followed = follow();
    put('left', '2');
    clock.tick(3_000);
    rmSync(join(folder, 'right'));
    clock.tick(3_000);
    assert.deepEqual(followed.current, { number: 1 });
    assert.deepEqual(
      lines.map(({ level, err }) => [level, err?.message.replace(/, open .*/, '')]),
      [
        [40, 'LEFT_FILE and RIGHT_FILE have to be equal'],
        [40, 'RIGHT_FILE cannot be read: ENOENT: no such file or directory'],
      ],
    );
    put('right', '2');
    clock.tick(1_000);
    assert.deepEqual(followed.current, { number: 2 });
  });

  it('log a mistake that is made again after it was taken back', () => {
    put('left', '1');
    put('right', '1');
    using _followed = follow();
    for (const text of ['2', '1', '2']) {
      put('left', text);
      clock.tick(2_000);
    }
    assert.deepEqual(
      lines.map(({ err }) => err?.message),
      Array<string>(2).fill('LEFT_FILE and RIGHT_FILE have to be equal'),
    );
  });

  it('fail the start when they are wrong', () => {
    put('left', '1');
    put('right', '2');
    assert.throws(follow, { message: 'LEFT_FILE and RIGHT_FILE have to be equal' });
  });

  it('are no longer read once disposed of', () => {
    put('left', '1');
    put('right', '1');
    follow()[Symbol.dispose]();
    assert.equal(clock.countTimers(), 0);
  });
});
