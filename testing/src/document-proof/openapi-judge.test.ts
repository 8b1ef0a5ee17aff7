import assert from 'node:assert/strict';
import { fetchDocument } from './documents.ts';
import type { Answer, Exchange } from './exchange.ts';
import { judge, type Operation, operationsOf } from './openapi-judge.ts';

const DOCUMENT = {
  openapi: '3.1.0',
  paths: {
    '/look': {
      get: {
        tags: ['methods'],
        responses: {
          200: {
            headers: { 'x-request-id': { $ref: '#/components/headers/RequestId' } },
            content: { 'application/json': { schema: { $ref: '#/components/schemas/Look' } } },
          },
        },
      },
    },
  },
  components: {
    headers: { RequestId: { required: true, schema: { type: 'string', maxLength: 3 } } },
    schemas: { Look: { type: 'object', required: ['count'], properties: { count: { type: 'integer', maximum: 5 } } } },
  },
};

describe('the judge of answers by an OpenAPI document', () => {
  const verdictOn = async (answer: Partial<Answer>, verb = 'GET'): Promise<string> => {
    const exchange: Pick<Exchange, 'send'> = {
      send: async () => ({ status: 200, headers: {}, text: JSON.stringify(DOCUMENT) }),
    };
    const document = await fetchDocument(exchange as Exchange, '/openapi.json');
    const [operation] = operationsOf(document);
    const headers = { 'content-type': 'application/json', 'x-request-id': 'r1' };
    try {
      judge(document, operation as Operation, { verb }, { status: 200, headers, text: '{"count":5}', ...answer });
      return 'as documented';
    } catch (error) {
      return (error as Error).message;
    }
  };

  it('accepts an answer that is as documented', async () => {
    assert.equal(await verdictOn({}), 'as documented');
    assert.equal(await verdictOn({ text: '' }, 'HEAD'), 'as documented');
  });

  it('refuses a status that the document lacks', async () => {
    assert.match(await verdictOn({ status: 401 }), /^the status is not in the document: 401/);
  });

  it('refuses a body that does not fit, also by a bound behind a reference', async () => {
    assert.match(await verdictOn({ text: '{"count":6}' }), /must be <= 5/);
    assert.match(await verdictOn({ text: '{}' }), /must have required property 'count'/);
    assert.match(await verdictOn({}, 'HEAD'), /^a body that is not in the document/);
  });

  it('refuses another content type, and headers that are missing, misshapen or not in the document', async () => {
    const type = 'application/json';
    assert.match(await verdictOn({ headers: { 'content-type': 'text/html', 'x-request-id': 'r1' } }), /"text\/html"/);
    assert.match(await verdictOn({ headers: { 'content-type': type } }), /^the header x-request-id is missing/);
    const long = { 'content-type': type, 'x-request-id': 'long' };
    assert.match(await verdictOn({ headers: long }), /^the header x-request-id is not as in the document/);
    const extra = { 'content-type': type, 'x-request-id': 'r1', 'x-secret': '1' };
    assert.match(await verdictOn({ headers: extra }), /^headers that are not in the document/);
  });
});
