import assert from 'node:assert/strict';
import { z } from 'zod';
import { defineService } from '../contract.ts';
import { stringifyJson } from '../schema/json.ts';
import { int64, uint32 } from '../schema/wire-types.ts';
import { openApiDocument } from './openapi.ts';

const shop = defineService(
  'shop',
  { summary: 'Sells.', version: '1.2.3', contact: { name: 'Its makers' } },
  {
    buy: {
      summary: 'Buys.',
      description: 'Pays at once.',
      params: z.strictObject({ user: int64 }),
      result: z.object({ orderID: int64 }),
      errors: {
        sold_out: { code: 'failed_precondition', message: 'There is none', details: z.object({ left: uint32 }) },
        closed: { code: 'unavailable', message: 'The shop is closed' },
      },
      codes: { unauthenticated: 'The token is wrong.' },
      timeoutMs: 500,
      access: { callers: ['till'] },
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
  const look = document.paths['/look'];
  // biome-ignore lint/suspicious/noExplicitAny: a document has any shape until a test has looked.
  const followed = (part: object): any => {
    const { $ref } = part as { $ref?: string };
    const steps = $ref?.split('/').slice(1) ?? [];
    return steps.length === 0 ? part : steps.reduce((found, step) => found[step], document);
  };
  const bodyOf = (response: { content: Record<string, { schema: object }> }) =>
    followed(response).content['application/json'].schema;
  const statuses = (operation: { responses: object }) => Object.keys(operation.responses);

  it('names the service, its contact and its server', () => {
    assert.equal(document.openapi, '3.1.0');
    const { title, version, description, contact } = document.info;
    assert.deepEqual([title, version, contact], ['shop', '1.2.3', { name: 'Its makers' }]);
    assert.match(description, /^Sells\.\n\n/);
    assert.deepEqual(
      document.servers.map(({ url }: { url: string }) => url),
      ['/'],
    );
  });

  it('has an address for every method, with its words and its timeout', () => {
    assert.deepEqual(Object.keys(document.paths).slice(0, 3), ['/buy', '/look', '/rpc']);
    assert.deepEqual(
      [buy.operationId, buy.summary, buy.description, buy['x-timeout-ms']],
      ['buy', 'Buys.', 'Pays at once.', 500],
    );
    assert.equal(Object.hasOwn(look.post, 'description'), false);
  });

  it('has GET with a body and HEAD for methods that only read', () => {
    assert.deepEqual(Object.keys(document.paths['/buy']), ['post']);
    assert.deepEqual(Object.keys(look), ['post', 'get', 'head']);
    assert.deepEqual(look.get.requestBody, look.post.requestBody);
    assert.match(look.get.description, /cannot send one: then use POST/);
    assert.deepEqual(statuses(look.head), statuses(look.get));
    for (const response of Object.values(look.head.responses)) {
      assert.equal(Object.hasOwn(followed(response as object), 'content'), false);
    }
  });

  it('has a name for every operation, and no name twice', () => {
    const operations = Object.values<Record<string, { operationId: string }>>(document.paths).flatMap(Object.values);
    const names = operations.map(({ operationId }) => operationId);
    assert.deepEqual(names, [...new Set(names)]);
    const tags = document.tags.map(({ name }: { name: string }) => name);
    for (const { tags: own } of operations as unknown as { tags: string[] }[]) {
      assert.ok(own.length > 0 && own.every((tag) => tags.includes(tag)));
    }
  });

  it('shows what goes in and comes out, each with its example', () => {
    const { schema, example } = buy.requestBody.content['application/json'];
    const { required, additionalProperties } = followed(schema);
    assert.deepEqual([required, additionalProperties, example], [['user'], false, { user: 1 }]);
    assert.equal(buy.requestBody.required, true);
    assert.equal(look.post.requestBody.required, false);
    const answer = look.post.responses['200'].content['application/json'];
    assert.deepEqual([followed(answer.schema), answer.example], [{ type: 'string' }, 'book']);
  });

  it('lists every status that a method can answer', () => {
    const common = ['400', '401', '403', '405', '408', '409', '413', '415', '417', '421', '429', '431'];
    assert.deepEqual(statuses(buy), ['200', ...common, '412', '499', '500', '501', '503', '504'].toSorted());
    assert.deepEqual(statuses(look.post), ['200', ...common, '499', '500', '501', '503', '504']);
  });

  it('gives each error of a status its own code, reason and details', () => {
    const soldOut = followed(bodyOf(buy.responses['412'])).properties.error;
    assert.deepEqual(soldOut.required, ['code', 'reason', 'message', 'details', 'requestId']);
    assert.deepEqual(soldOut.properties.code, { const: 'failed_precondition' });
    assert.deepEqual(soldOut.properties.reason, { const: 'sold_out' });
    assert.equal(soldOut.properties.details.properties.left.format, 'uint32');
    const { anyOf } = bodyOf(buy.responses['503']);
    const reasons = anyOf.map((schema: object) => followed(schema).properties.error.properties.reason?.const);
    assert.deepEqual(reasons, ['closed', 'overloaded', undefined]);
    const [own, ofAnyRequest, ofAnyCall] = buy.responses['401'].description.split('\n');
    assert.equal(own, '- unauthenticated: The token is wrong.');
    assert.match(ofAnyRequest, /^- mutual_tls_required \(unauthenticated\): /);
    assert.match(ofAnyCall, /^- unauthenticated: The call has no valid service token/);
  });

  it('says which services may call a method, by which token', () => {
    assert.deepEqual([buy['x-callers'], look.post['x-callers']], [['till'], []]);
    assert.deepEqual(buy.security, [{ serviceToken: [] }]);
    assert.equal(document.components.securitySchemes.serviceToken.scheme, 'bearer');
  });

  it('says that Retry-After comes where waiting helps, and Allow with 405', () => {
    const headers = (status: string) => Object.keys(followed(buy.responses[status]).headers);
    for (const status of ['409', '429', '503', '504']) assert.ok(headers(status).includes('retry-after'), status);
    assert.ok(headers('405').includes('allow'));
    assert.equal(headers('400').includes('retry-after'), false);
    for (const status of statuses(buy)) assert.ok(headers(status).includes('x-request-id'), status);
  });

  it('lists the headers that a call may carry', () => {
    const names = buy.parameters.map((parameter: object) => {
      const { name, in: where, required } = followed(parameter);
      return [name, where, required];
    });
    assert.deepEqual(
      names,
      ['x-request-id', 'x-deadline-ms', 'idempotency-key', 'traceparent', 'tracestate', 'baggage'].map((name) => [
        name,
        'header',
        false,
      ]),
    );
  });

  it('describes POST /rpc in the form of JSON-RPC, also for what is refused before it is a call', () => {
    const { post } = document.paths['/rpc'];
    assert.deepEqual(statuses(post), [
      '200',
      '204',
      '400',
      '401',
      '403',
      '405',
      '408',
      '413',
      '415',
      '417',
      '421',
      '431',
      '500',
      '501',
      '503',
    ]);
    assert.deepEqual(bodyOf(post.responses['415']), { $ref: '#/components/schemas/JsonRpcError' });
    assert.deepEqual(bodyOf(post.responses['405']), { $ref: '#/components/schemas/InvalidRequestError' });
  });
});
