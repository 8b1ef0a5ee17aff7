import assert from 'node:assert/strict';
import fc from 'fast-check';
import { CallLine, runInLogScope } from 'rpc-kit/logging';
import { testCall } from 'rpc-kit/testing';
import { createLineLogger } from './logger.ts';

describe('the log line of a call that succeeded', () => {
  let written = '';
  const logger = createLineLogger(
    'loms',
    'info',
    (line) => {
      written += line;
    },
    () => ',"time":"2026-01-31T12:00:00.000Z"',
  );
  const textOf = (log: () => void): string => {
    written = '';
    log();
    return written;
  };
  const scope = { request_id: 'r1' };
  const lineOf = (ms: number) => new CallLine(testCall({ caller: { name: 'web/1.0' } }), ms, scope);
  afterEach(() => {
    logger.level = 'info';
  });

  it('has the bytes that pino writes in the scope of the call', () => {
    const text = fc.string({ unit: 'binary' });
    const requestId = fc.oneof(text, fc.uuid(), fc.constant('postgres://loms:secret@db/?key=secret'));
    const hex = (length: number) => fc.stringMatching(new RegExp(`^[0-9a-f]{${length}}$`));
    const scopes = fc.oneof(
      fc.record({ request_id: requestId }),
      fc.record({ request_id: requestId, trace_id: hex(32), span_id: hex(16) }),
    );
    const caller = fc.option(text, { nil: undefined });
    fc.assert(
      fc.property(scopes, caller, fc.nat(100_000), (fields, name, tenths) => {
        const line = new CallLine(testCall({ caller: { name } }), tenths / 10, fields);
        const byPino = textOf(() => runInLogScope(fields, () => logger.info({ ...line }, 'call')));
        assert.equal(
          textOf(() => logger.info(line, 'call')),
          byPino,
        );
      }),
      { numRuns: 500 },
    );
  });

  it('is written by pino in a scope with other fields, by a child logger and at another level', () => {
    const line = new CallLine(testCall(), 1, undefined);
    assert.match(
      textOf(() => runInLogScope({ job: 'nightly' }, () => logger.info(line, 'call'))),
      /"job":"nightly".*"code":"ok"/,
    );
    assert.match(
      textOf(() => logger.child({ part: 'relay' }).info(lineOf(1), 'call')),
      /"part":"relay".*"code":"ok"/,
    );
    logger.level = 'debug';
    assert.match(
      textOf(() => logger.debug(lineOf(1), 'call')),
      /^{"level":"debug".*"code":"ok"/,
    );
  });

  it('follows the level, also when that changes while the service runs', () => {
    logger.level = 'warn';
    assert.equal(
      textOf(() => logger.info(lineOf(1), 'call')),
      '',
    );
    logger.level = 'info';
    assert.match(
      textOf(() => logger.info(lineOf(1), 'call')),
      /"ms":1,"msg":"call"}\n$/,
    );
  });

  it('forgets callers once there are many of them, and still names each', () => {
    for (let number = 0; number < 3_000; number++) {
      const call = testCall({ caller: { name: `web/${number}` } });
      const text = textOf(() => logger.info(new CallLine(call, 1, scope), 'call'));
      assert.equal(JSON.parse(text).caller, `web/${number}`);
    }
  });
});
