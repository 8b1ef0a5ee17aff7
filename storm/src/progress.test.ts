import assert from 'node:assert/strict';
import { useFakeTimers } from 'sinon';
import { createFigures } from './figures.ts';
import { showProgress } from './progress.ts';

const SECOND_MS = 1_000;

/** The output in eleven seconds of the fake clock. */
function watchProgress(isTTY: boolean): string[] {
  const clock = useFakeTimers();
  try {
    const written: string[] = [];
    const write = (text: string) => written.push(text) > 0;
    const output = { isTTY, write } as unknown as NodeJS.WriteStream;
    {
      using _progress = showProgress({ output, figures: createFigures(), endsAt: performance.now() + 20 * SECOND_MS });
      clock.tick(11 * SECOND_MS);
    }
    const shown = written.length;
    clock.tick(11 * SECOND_MS);
    assert.equal(written.length, shown, 'nothing is written when it is over');
    return written;
  } finally {
    clock.restore();
  }
}

describe('the progress of a storm', () => {
  it('is one line on a terminal, updated twice a second and cleared at the end', () => {
    const written = watchProgress(true);
    assert.equal(written.length, 22 + 1);
    assert.ok(written.every((text) => text.startsWith('\r\x1b[K') && !text.includes('\n')));
    assert.match(written[21] ?? '', /9 s left · 0 calls\/s · 0 orders/);
    assert.equal(written.at(-1), '\r\x1b[K');
  });

  it('is a line every five seconds in a log', () => {
    const written = watchProgress(false);
    assert.deepEqual(
      written.map((text) => text.split(' · ')[0]),
      ['  15 s left', '  10 s left'],
    );
    assert.ok(written.every((text) => text.endsWith('\n')));
  });
});
