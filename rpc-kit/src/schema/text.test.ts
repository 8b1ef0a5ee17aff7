import assert from 'node:assert/strict';
import { storableText } from './text.ts';

describe('storable text', () => {
  it('is never cut inside a surrogate pair', () => {
    assert.equal(storableText(`${'a'.repeat(255)}😀`, 256), 'a'.repeat(255));
    assert.equal(storableText(`${'a'.repeat(254)}😀b`, 256), `${'a'.repeat(254)}😀`);
    assert.equal(storableText('😀', 1), '');
  });

  it('holds neither NUL nor halves of surrogate pairs', () => {
    assert.equal(storableText('a\0b\ud800c\udc00', 256), 'a\uFFFDb\uFFFDc\uFFFD');
  });

  it('is the text itself where nothing is wrong with it', () => {
    assert.equal(storableText('Теория 😀\n', 9), 'Теория 😀');
    assert.equal(storableText('Теория 😀\n', 10), 'Теория 😀\n');
  });
});
