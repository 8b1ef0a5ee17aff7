import assert from 'node:assert/strict';
import { z } from 'zod';
import { CODES } from './code.ts';
import { defineService } from './contract.ts';
import { stringifyJson } from './json.ts';
import { openApiDocument } from './openapi.ts';
import { int64 } from './wire-types.ts';

const shop = defineService(
  'shop',
  { summary: 'Sells.', version: '1.2.3' },
  {
    buy: {
      summary: 'Buys.',
      description: 'Pays at once.',
      params: z.strictObject({ user: int64 }),
      result: z.object({ orderID: int64 }),
      errors: {
        sold_out: { code: 'failed_precondition', message: 'There is none' },
        closed: { code: 'unavailable', message: 'The shop is closed' },
      },
      timeoutMs: 500,
      example: { params: { user: 1 }, result: { orderID: 3 } },
    },
    look: {
      summary: 'Looks.',
      params: z.strictObject({}),
      result: z.string(),
      timeoutMs: 100,
      reads: true,
      example: { params: {}, result: 'book' },
    },
  },
);

describe('the OpenAPI document', () => {
  const document = JSON.parse(stringifyJson(openApiDocument(shop)));
  const { post: buy } = document.paths['/buy'];
  const { post: look } = document.paths['/look'];

  it('says whose it is', () => {
    assert.equal(document.openapi, '3.1.0');
    assert.deepEqual(document.info, { title: 'shop', version: '1.2.3', description: 'Sells.' });
  });

  it('has an address for every method, with its words and its timeout', () => {
    assert.deepEqual(Object.keys(document.paths), ['/buy', '/look']);
    assert.deepEqual(
      [buy.operationId, buy.summary, buy.description, buy['x-timeout-ms']],
      ['buy', 'Buys.', 'Pays at once.', 500],
    );
    assert.equal(Object.hasOwn(look, 'description'), false);
  });

  it('shows what goes in and comes out, each with its example', () => {
    const { schema, example } = buy.requestBody.content['application/json'];
    assert.deepEqual([schema.required, schema.additionalProperties, example], [['user'], false, { user: 1 }]);
    assert.deepEqual(look.responses['200'].content['application/json'], {
      schema: { type: 'string' },
      example: 'book',
    });
  });

  it('lists the reasons of one status in words, those of the method first', () => {
    assert.equal(buy.responses['412'].description, 'sold_out (failed_precondition): There is none');
    assert.equal(buy.responses['503'].description, 'closed (unavailable): The shop is closed\n\nunavailable');
    for (const { responses } of [buy, look]) {
      assert.deepEqual(
        Object.keys(responses).filter((status) => !['200', '412'].includes(status)),
        ['400', '429', '500', '503', '504'],
      );
    }
  });

  it('gives every failure the same form, with every code of the table', () => {
    assert.deepEqual(buy.responses['504'].content['application/json'].schema, { $ref: '#/components/schemas/Error' });
    const { error } = document.components.schemas.Error.properties;
    assert.deepEqual(error.properties.code.enum, Object.keys(CODES));
  });

  it('lists the headers that a call may carry', () => {
    assert.deepEqual(
      buy.parameters.map(({ name, in: where, required }: Record<string, unknown>) => [name, where, required]),
      ['x-request-id', 'x-deadline-ms', 'idempotency-key', 'traceparent'].map((name) => [name, 'header', false]),
    );
  });
});
