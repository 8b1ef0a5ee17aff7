import assert from 'node:assert/strict';
import { pino } from 'pino';
import { createTokenBucket } from '../calling/token-bucket.ts';
import { createHttpTransport } from '../http/client/transport.ts';
import { HTTP_LIMITS } from '../http/server/limits.ts';
import { serveHttp } from '../http/server/server.ts';
import { limitCallers } from '../serving/caller-rate-limit.ts';
import { checkWhole, LIMIT } from './whole-number.ts';

/** Each would be a limit that never holds, or one that nothing passes. */
const NO_LIMITS = [Number.NaN, Number.POSITIVE_INFINITY, -1, 1.5, 2 ** 31];

describe('A limit that is none', () => {
  it('is named with its value and its range', () => {
    assert.throws(() => checkWhole({ callsMax: Number.NaN }, { callsMax: LIMIT }), {
      name: 'RangeError',
      message: 'callsMax is NaN, but has to be a whole number from 1 to 2147483647',
    });
    assert.deepEqual(checkWhole({ callsMax: 5 }, { callsMax: LIMIT }), { callsMax: 5 });
  });

  for (const name of Object.keys(HTTP_LIMITS)) {
    it(`is refused by a server as ${name}`, async () => {
      const service = {} as Parameters<typeof serveHttp>[0];
      const options = { host: '127.0.0.1', port: 0, logger: pino({ level: 'silent' }) };
      for (const value of NO_LIMITS) {
        await assert.rejects(serveHttp(service, { ...options, limits: { [name]: value } }), {
          name: 'RangeError',
          message: new RegExp(`^${name} is ${value}, but has to be a whole number from (?:0|1|1000) to 2147483647$`),
        });
      }
    });
  }

  it('is refused by a transport, also the 0 connections that undici reads as no limit', () => {
    for (const value of [...NO_LIMITS, 0]) {
      for (const option of [{ connections: value }, { answerBytesMax: value }, { batching: { callsMax: value } }]) {
        assert.throws(() => createHttpTransport('http://host', { userAgent: 'test', ...option }), RangeError);
      }
    }
  });

  it('is refused by a bucket of tokens and by the limit of callers', () => {
    const bucket = { tokens: 1, intervalMs: 1, waitersMax: 0 };
    for (const value of NO_LIMITS) {
      for (const name of Object.keys(bucket)) {
        assert.throws(() => createTokenBucket({ ...bucket, [name]: value }), RangeError);
      }
      for (const name of ['tokens', 'intervalMs', 'callersMax']) {
        assert.throws(() => limitCallers({ tokens: 1, intervalMs: 1, [name]: value }), RangeError);
      }
    }
  });
});
