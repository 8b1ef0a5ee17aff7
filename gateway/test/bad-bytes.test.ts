import assert from 'node:assert/strict';
import { after, before } from 'mocha';
import { type BadInput, badInputs } from 'rpc-kit/bad-input';
import { sendRaw } from 'rpc-kit/raw-http';
import { exampleServices } from './example-services.ts';
import { type Gateway, openGateway } from './gateway-fixture.ts';

const ROUTE = '/v1/cart/items';
/** Bodies that the services read and the gateway does not: its limit is lower. */
const BEYOND_LIMIT = /: (10 MB|100,000 .*)$/;
/** The plain face's bodies, and the bytes that no client sends. The rest is about methods and faces that REST does not have. */
const inputs = badInputs.filter(
  ({ title, status, body }) =>
    (title.startsWith('POST /echo: ') || title.startsWith('on the wire: ')) &&
    (status === 400 || status === 413 || status === 415 || status === 501) &&
    body !== undefined &&
    !BEYOND_LIMIT.test(title),
);

/** The same request to a route, from a signed-in person. */
function toRest({ sent }: BadInput): Buffer[] {
  const text = sent.map((part) => Buffer.from(part).toString('latin1')).join('');
  const type = /^content-type:/im.test(text) ? '' : 'Content-Type: application/json\r\n';
  return sent.map((part) => {
    const rest = Buffer.from(part)
      .toString('latin1')
      .replace(/ \/(echo|rpc)(?= HTTP)/g, ` ${ROUTE}`)
      .replace(/(?<=\r\n)Host: /, `${type}Authorization: Bearer anna\r\nHost: `);
    return Buffer.from(rest, 'latin1');
  });
}

describe('Bytes that a service refuses', () => {
  let gateway: Gateway;
  before(async () => {
    gateway = await openGateway(exampleServices().fakes);
  });
  after(() => gateway[Symbol.asyncDispose]());

  it(`are shown by at least 100 requests (here ${inputs.length})`, () => assert.ok(inputs.length >= 100));

  for (const input of inputs) {
    it(`are refused by a route, too: ${input.title}`, async () => {
      const { status, headers, body } = await sendRaw(Number(new URL(gateway.url).port), ...toRest(input));
      assert.equal(status, input.status, body);
      const { error } = JSON.parse(body);
      for (const member of ['code', 'message', 'requestId']) assert.equal(typeof error[member], 'string');
      assert.match(String(headers['content-type']), /^application\/json/);
      assert.ok(!gateway.calls.includes('checkout.addToCart'));
    });
  }
});
