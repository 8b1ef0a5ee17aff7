import assert from 'node:assert/strict';
import sinon from 'sinon';
import { STDERR_LOGGER } from './logger.ts';

describe('the logger of a server that was given none', () => {
  afterEach(() => {
    sinon.restore();
  });

  it('writes warnings and errors to stderr, each as a line of JSON with its error, and nothing else', () => {
    const written = sinon.stub(console, 'error');
    STDERR_LOGGER.debug({}, 'asked');
    STDERR_LOGGER.info({}, 'call');
    const err = new Error('no answer', { cause: new Error('ECONNREFUSED') });
    STDERR_LOGGER.warn({ check: 'database', err }, 'not ready');
    STDERR_LOGGER.error({ err: { amount: 1n } }, 'page failed');
    const lines = written.args.map(([text]) => text as string);
    assert.ok(lines.every((line) => !line.includes('\n')));
    const [warning, error] = lines.map((line) => JSON.parse(line));
    assert.equal(lines.length, 2);
    assert.match(warning.err, /no answer[\s\S]*ECONNREFUSED/);
    assert.deepEqual([warning.level, warning.check, warning.msg], ['warn', 'database', 'not ready']);
    assert.deepEqual([error.level, error.err, error.msg], ['error', '{ amount: 1n }', 'page failed']);
  });
});
