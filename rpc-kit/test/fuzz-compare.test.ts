import assert from 'node:assert/strict';
import { toComparable } from './fuzz/comparable.ts';
import { compareBuilds } from './fuzz/compare.ts';
import { createConversation } from './fuzz/conversation.ts';

/** A limit against hanging: it takes some seconds. */
const TIMEOUT_MS = 180_000;

/** `make fuzz` compares the server with the one of an earlier commit. */
describe('mutated conversations on kept connections', () => {
  const seed = Date.now() % 1_000_000;

  it(`of seed ${seed} are answered alike by two processes of the same build`, async function () {
    this.timeout(TIMEOUT_MS);
    const { compared, byStatus, differences } = await compareBuilds({
      before: new URL('fuzz/server.ts', import.meta.url),
      conversations: 300,
      seed,
      timeMsMax: TIMEOUT_MS / 2,
    });
    assert.deepEqual(differences, []);
    assert.ok(compared > 250, `${compared}`);
    for (const status of ['200', '400', '404']) assert.ok(byStatus.has(status), status);
  });

  it('are the same ones again with the same seed', () => {
    assert.deepEqual(createConversation(7, 11), createConversation(7, 11));
    assert.notDeepEqual(createConversation(7, 11), createConversation(8, 11));
  });

  describe('are compared: an answer', () => {
    const id = () => crypto.randomUUID();
    const answer = (requestId: string, date: string, body: string) =>
      `HTTP/1.1 200 OK\r\nx-request-id: ${requestId}\r\nDate: ${date}\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
    const heard = (text: string) => toComparable({ text, ending: 'by us' });
    const good = answer(id(), 'Fri, 27 Nov 2026 17:00:00 GMT', '{"remainingMs":4998.71,"a":1}');

    it('is the same with other ids, another date, other times, and its headers in another order', () => {
      const other = answer(id(), 'Fri, 27 Nov 2026 17:00:01 GMT', '{"remainingMs":12,"a":1}');
      const [statusLine, first, second, ...rest] = other.split('\r\n');
      assert.equal(heard([statusLine, second?.toLowerCase(), first, ...rest].join('\r\n')), heard(good));
    });

    it('is the same with the answers of a batch in other parts and another order', () => {
      const [one, other] = ['{"jsonrpc":"2.0","id":1,"result":1}', '{"jsonrpc":"2.0","id":2,"result":2}'];
      const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;
      const inParts = (...parts: string[]) =>
        heard(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${[...parts, ''].map(chunk).join('')}`);
      assert.equal(inParts(`[${one}`, `,${other}`, ']'), inParts(`[${other},${one}]`));
      assert.notEqual(inParts(`[${one}`, `,${other}`, ']'), inParts(`[${one}]`));
    });

    for (const [what, changed] of [
      ['another status', good.replace('200 OK', '201 Created')],
      ['another body', good.replace('"a":1', '"a":2')],
      ['without a header', good.replace(/x-request-id.*\r\n/, '')],
      ['that comes twice', good + good],
      ['that does not come', ''],
    ] as const) {
      it(`differs from one ${what}`, () => assert.notEqual(heard(changed), heard(good)));
    }

    it('differs from the same one after which the server ends the connection', () => {
      assert.notEqual(toComparable({ text: good, ending: 'by the server' }), heard(good));
    });
  });
});
