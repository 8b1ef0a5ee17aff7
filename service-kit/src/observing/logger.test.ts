import assert from 'node:assert/strict';
import { toLoggedError } from './logger.ts';

describe('an error in the log', () => {
  it('of the web platform has its name and stack, without the constants of DOMException', () => {
    const line = JSON.stringify(toLoggedError(new DOMException('it took too long', 'TimeoutError')));
    const { stack, ...logged } = JSON.parse(line);
    assert.deepEqual(logged, { type: 'Error', message: 'it took too long', name: 'TimeoutError' });
    assert.match(stack, /^TimeoutError: it took too long\n {4}at /);
  });

  it('includes its causes', () => {
    const { message } = toLoggedError(new TypeError('outer', { cause: new RangeError('inner') }));
    assert.equal(message, 'outer: inner');
  });
});
