import assert from 'node:assert/strict';
import { z } from 'zod';
import { defineService } from '../contract.ts';
import { stringifyJson } from '../schema/json.ts';
import { int64, timestamp, uint32 } from '../schema/wire-types.ts';
import { openApiDocument } from './openapi.ts';
import { atHost, type OpenRpcDocument, openRpcDocument } from './openrpc.ts';
import { wireSchema } from './wire-schema.ts';

const shop = defineService(
  'shop',
  { summary: 'Sells.', version: '1.2.3' },
  {
    buy: {
      summary: 'Buys.',
      description: 'Pays at once.',
      params: z.strictObject({ note: z.string().optional(), sku: uint32, user: int64 }),
      result: z.object({ orderID: int64 }),
      errors: {
        sold_out: {
          code: 'failed_precondition',
          message: 'There is none',
          details: z.object({ sku: uint32 }),
        },
        closed: { code: 'failed_precondition', message: 'The shop is closed' },
        no_such_sku: { code: 'not_found', message: 'There is no such sku' },
      },
      timeoutMs: 500,
      retry: 'with-idempotency-key',
      positions: ['user', 'sku'],
      example: { params: { user: 1, sku: 2 }, result: { orderID: 3 } },
    },
    look: {
      summary: 'Looks.',
      params: z.strictObject({}),
      result: z.array(z.string()),
      timeoutMs: 100,
      reads: true,
      example: { params: {}, result: ['book'] },
    },
    pay: {
      summary: 'Pays.',
      params: z.strictObject({ note: z.string().optional(), amount: uint32, user: int64 }),
      result: z.object({}),
      codes: { unauthenticated: 'The token is wrong.' },
      timeoutMs: 100,
      positions: ['user', 'amount', 'note'],
      example: { params: { user: 1, amount: 2 }, result: {} },
    },
  },
);

const UINT32 = { type: 'integer', minimum: 0, maximum: 4_294_967_295, format: 'uint32' };

describe('the OpenRPC document', () => {
  const document = JSON.parse(stringifyJson(openRpcDocument(shop)));
  const [buy, look, pay] = document.methods;

  it('says whose it is', () => {
    assert.equal(document.openrpc, '1.3.2');
    assert.deepEqual(document.info, { title: 'shop', version: '1.2.3', description: 'Sells.' });
  });

  it('offers positions only for methods that take every param by position', () => {
    // The list of params would otherwise say that `note` may come third.
    assert.deepEqual([buy.paramStructure, buy['x-positions']], ['by-name', ['user', 'sku']]);
    assert.equal(pay.paramStructure, 'either');
    assert.deepEqual(
      pay.params.map(({ name }: { name: string }) => name),
      ['user', 'amount', 'note'],
    );
  });

  it('has the params as one schema too where the list of them does not say everything', () => {
    assert.equal(document.components, undefined);
    const open = defineService(
      'shop',
      { summary: 'Sells.', version: '1' },
      {
        look: { ...shop.methods.look, params: z.looseObject({ sku: uint32 }) },
      },
    );
    assert.deepEqual(openRpcDocument(open).components?.schemas, {
      lookParams: { type: 'object', properties: { sku: UINT32 }, required: ['sku'], additionalProperties: {} },
    });
  });

  it('lists required params before optional ones, each in their order by position', () => {
    assert.deepEqual(
      buy.params.map(({ name, required }: { name: string; required: boolean }) => [name, required]),
      [
        ['user', true],
        ['sku', true],
        ['note', false],
      ],
    );
    assert.deepEqual(buy.params[1].schema, UINT32);
    assert.deepEqual([look.paramStructure, look.params], ['by-name', []]);
  });

  it('says to which address calls go, as a whole URL at the host that its reader asked', () => {
    const urls = ({ servers }: OpenRpcDocument) => servers.map(({ url }) => url);
    assert.deepEqual(urls(document), ['http://localhost/rpc']);
    assert.deepEqual(urls(atHost(document, 'shop.internal:8080')), ['http://shop.internal:8080/rpc']);
    assert.deepEqual([urls(atHost(document, '')), urls(atHost(document, undefined))], [urls(document), urls(document)]);
  });

  it('has one error a code, those of the method first, then those of any call', () => {
    const codes = (method: { errors: { code: number }[] }) => method.errors.map(({ code }) => code);
    const ofAnyCall = [-32603, -32600, -32014, -32602, -32016, -32007, -32010, -32008, -32001, -32004];
    assert.deepEqual(codes(look), ofAnyCall);
    assert.deepEqual(codes(pay), [-32016, ...ofAnyCall.filter((code) => code !== -32016)]);
    assert.deepEqual(codes(buy), [-32009, -32005, ...ofAnyCall]);
    const overloaded = look.errors.find(({ code }: { code: number }) => code === -32014);
    assert.deepEqual(overloaded.data, { code: 'unavailable', reasons: ['overloaded', 'send_alone'] });
    const ofWrite = pay.errors.find(({ code }: { code: number }) => code === -32014);
    assert.deepEqual(ofWrite.data.reasons, ['overloaded']);
  });

  it('has every reason of a code in one error and in x-errors', () => {
    assert.deepEqual(buy.errors.slice(0, 2), [
      {
        code: -32009,
        message: 'There is none · The shop is closed',
        data: { code: 'failed_precondition', reasons: ['sold_out', 'closed'] },
      },
      {
        code: -32005,
        message: 'There is no such sku',
        data: { code: 'not_found', reasons: ['no_such_sku'] },
      },
    ]);
    assert.deepEqual(
      buy['x-errors'].map(({ reason, code, httpStatus, jsonRpcCode, message }: Record<string, unknown>) => [
        reason,
        code,
        httpStatus,
        jsonRpcCode,
        message,
      ]),
      [
        ['sold_out', 'failed_precondition', 412, -32009, 'There is none'],
        ['closed', 'failed_precondition', 412, -32009, 'The shop is closed'],
        ['no_such_sku', 'not_found', 404, -32005, 'There is no such sku'],
      ],
    );
    assert.deepEqual(buy['x-errors'][0].details.properties, { sku: UINT32 });
    assert.deepEqual(look['x-errors'], []);
  });

  it('says how long a call may take, whether it only reads and when it may be repeated', () => {
    assert.deepEqual([buy['x-timeout-ms'], buy['x-reads'], buy['x-retry']], [500, false, 'with-idempotency-key']);
    assert.deepEqual([look['x-timeout-ms'], look['x-reads'], look['x-retry']], [100, true, 'safe']);
  });

  it('has the example of each method', () => {
    assert.deepEqual(buy.examples, [
      {
        name: 'example',
        params: [
          { name: 'user', value: 1 },
          { name: 'sku', value: 2 },
        ],
        result: { name: 'result', value: { orderID: 3 } },
      },
    ]);
  });
});

describe('the documents of a contract with types that contain themselves', () => {
  const tree: z.ZodObject = z.strictObject({ size: int64, branches: z.lazy(() => z.array(tree)) });
  const forest = defineService(
    'forest',
    { summary: 'Grows.', version: '1', events: { Grown: { summary: 'Grew.', schema: z.object({ tree }) } } },
    {
      grow: {
        summary: 'Grows.',
        params: z.strictObject({ tree: tree.optional() }),
        result: tree,
        errors: { dry: { code: 'aborted', message: 'Dry', details: z.object({ tree }) } },
        timeoutMs: 100,
        example: { params: {}, result: { size: 1, branches: [] } },
      },
      graft: {
        summary: 'Grafts.',
        params: tree,
        result: z.union([tree, z.null()]),
        timeoutMs: 100,
        example: { params: { size: 1, branches: [] }, result: null },
      },
    },
  );

  for (const [kind, write] of [
    ['OpenRPC', openRpcDocument],
    ['OpenAPI', openApiDocument],
  ] as const) {
    it(`lead each reference of ${kind} to a schema of the document`, () => {
      const document = JSON.parse(stringifyJson(write(forest)));
      const pointers = [...stringifyJson(document).matchAll(/"\$ref":"([^"]*)"/g)].map(([, pointer = '']) => pointer);
      assert.ok(pointers.length > 5);
      for (const pointer of pointers) {
        const [root, ...steps] = pointer.split('/');
        const found = steps.reduce((part, step) => part?.[step], document);
        assert.deepEqual([root, typeof found], ['#', 'object'], pointer);
        assert.notEqual(found, document, pointer);
      }
    });
  }
});

describe('the schema of what travels', () => {
  it('is that of the wire side, without a dialect', () => {
    assert.deepEqual(wireSchema(z.strictObject({ at: timestamp })).properties, {
      at: { type: 'string', format: 'date-time', pattern: (wireSchema(timestamp) as { pattern: string }).pattern },
    });
    assert.equal(Object.hasOwn(wireSchema(z.object({})), '$schema'), false);
  });

  it('keeps the bounds of 64-bit integers to the last digit at any depth', () => {
    const schema = wireSchema(z.object({ list: z.array(z.union([int64, z.null()])) }));
    assert.match(stringifyJson(schema), /"minimum":-9223372036854775808,"maximum":9223372036854775807/);
  });

  it('has the members of a schema with an id in their place, and refers only to what contains itself', () => {
    const address = z.strictObject({ street: z.string() }).meta({ id: 'Address', description: 'Where.' });
    const tree: z.ZodObject = z
      .strictObject({ at: address, branches: z.lazy(() => z.array(tree)) })
      .meta({ id: 'Tree' });
    const members = { type: 'object', properties: { street: { type: 'string' } }, required: ['street'] };
    const written = { ...members, additionalProperties: false, description: 'Where.' };
    assert.deepEqual(wireSchema(address), written);
    assert.deepEqual(wireSchema(z.array(address)), { type: 'array', items: written });
    const branches = { type: 'array', items: { $ref: '#/$defs/Tree' } };
    const { $defs, ...whole } = wireSchema(tree) as { $defs: Record<string, object> };
    assert.deepEqual($defs, { Tree: whole });
    assert.deepEqual(whole, {
      ...{ type: 'object', properties: { at: written, branches }, required: ['at', 'branches'] },
      additionalProperties: false,
    });
  });

  it('allows anything for types that JSON Schema cannot describe', () => {
    assert.deepEqual(wireSchema(z.custom(() => true)), {});
  });
});
