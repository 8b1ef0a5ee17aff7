import assert from 'node:assert/strict';
import { fuzz, HEAP_GROWTH_MAX_BYTES, heapGrowth } from './fuzz/fuzz.ts';
import { judge } from './fuzz/judge.ts';
import { BATCH_BYTES_MAX } from './fuzz/mutate-body.ts';
import { createShot, type Shot } from './fuzz/shot.ts';

/** A limit against hanging: it takes some seconds. */
const TIMEOUT_MS = 180_000;

/** A short run; `npm run fuzz -w rpc-kit` makes the long one. */
describe('mutated requests', () => {
  const seed = Date.now() % 1_000_000;

  it(`of seed ${seed} break nothing: all answers are as documented, and no memory is lost`, async function () {
    this.timeout(TIMEOUT_MS);
    const report = await fuzz({ requests: 3_000, seed });
    assert.ok(report.requests >= 3_000);
    // Among so many, some are still good and some are refused.
    for (const status of [200, 400, 404]) assert.ok(report.byStatus.has(status), `${status}`);
    assert.equal(report.byStatus.has(500), false);
    assert.ok(heapGrowth(report) <= HEAP_GROWTH_MAX_BYTES, `${report.heap}`);
  });

  it('have a bounded length, also a batch of batches of a large body', () => {
    const { parts } = createShot(590_833, 65_322);
    assert.ok(Buffer.concat(parts).length <= BATCH_BYTES_MAX);
  });

  describe('are judged: answers that a server must not give', () => {
    const error = '{"code":"internal","message":"Internal error","requestId":"r"}';
    const answer = (status: number, body: string, type = 'application/json', more = 0): string =>
      `HTTP/1.1 ${status} X\r\nx-request-id: r\r\ncontent-type: ${type}\r\ncontent-length: ${body.length + more}\r\n\r\n${body}`;
    const shot: Shot = { requests: 1, intact: true, parts: [], ending: 'wait' };
    const judged = (text: string, end = {}) =>
      judge({ bytes: Buffer.from(text), cut: false, left: false, held: false, ...end }, shot);

    for (const [what, text, why] of [
      ['500', answer(500, `{"error":${error}}`), /internal/],
      ['503 without Retry-After', answer(503, `{"error":${error.replace('internal', 'unavailable')}}`), /Retry-After/],
      [
        'an error of its own under 200',
        answer(200, `{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"x","data":${error}}}`),
        /fault/,
      ],
      [
        'a result beside an error',
        answer(200, '{"jsonrpc":"2.0","id":1,"result":1,"error":{}}'),
        /error,id,jsonrpc,result/,
      ],
      ['what is not JSON', answer(200, '{'), /JSON/],
      ['400 that is text', answer(400, 'no', 'text/plain'), /not JSON/],
      [
        '400 to a good request',
        answer(400, `{"error":${error.replace('internal', 'invalid_request')}}`),
        /good requests/,
      ],
      ['half an answer', answer(200, '{}', 'application/json', 1), /shorter/],
      ['silence', '', /nothing/],
      ['noise', 'hello', /no answer/],
    ] as const) {
      it(what, () => {
        assert.throws(() => judged(text), why);
      });
    }

    it('a connection that is held open', () => {
      assert.throws(() => judged(answer(200, '{}'), { held: true }), /held open/);
    });
    it('and a good answer is not', () => {
      assert.deepEqual(judged(answer(200, '{"jsonrpc":"2.0","id":1,"result":19}')), [200]);
    });
  });
});
