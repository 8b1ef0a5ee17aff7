import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { stringifyJson } from 'rpc-kit';
import { openApiDocument } from '../../src/documents/openapi.ts';
import { openRpcDocument } from '../../src/documents/openrpc.ts';
import { subject } from './subject.ts';

// Their type declarations know the shape of a document and not that the schema itself is there.
const require = createRequire(import.meta.url);
const { openrpcDocument } = require('@open-rpc/meta-schema') as { openrpcDocument: object };
const { jsonSchema } = require('@json-schema-tools/meta-schema') as { jsonSchema: object };
const DRAFT_07 = { $schema: 'http://json-schema.org/draft-07/schema#' };

type Json = Record<string, unknown>;
/** The document as a client fetches it. */
const asFetched = <T>(document: T): T & Json => JSON.parse(stringifyJson(document));

describe('documents of a contract', () => {
  const openRpc = asFetched(openRpcDocument(subject));
  const openApi = asFetched(openApiDocument(subject));

  it('the OpenRPC document is valid by the meta-schema of OpenRPC', () => {
    const ajv = new Ajv({ strict: false, validateFormats: false });
    // Both say that they are described by the latter, which is draft 07 under another address.
    ajv.addSchema({ ...jsonSchema, ...DRAFT_07 }, 'https://meta.json-schema.tools');
    const validate = ajv.compile({ ...openrpcDocument, ...DRAFT_07 });
    validate(openRpc);
    assert.equal(validate.errors, null);
    validate({ ...openRpc, methods: [{ name: 'incomplete' }] });
    assert.notEqual(validate.errors, null);
  });

  it('the OpenAPI document is valid by the schema of OpenAPI 3.1', async () => {
    const validator = new Validator();
    const { valid, errors } = await validator.validate(openApi);
    assert.deepEqual([valid, errors, validator.version], [true, undefined, '3.1']);
    const broken = await new Validator().validate({ ...openApi, paths: { '/echo': { post: 'nothing' } } });
    assert.equal(broken.valid, false);
  });

  it('every method is in both', () => {
    const methods = Object.keys(subject.methods);
    assert.deepEqual(
      openRpc.methods.map(({ name }) => name),
      methods,
    );
    const paths = Object.entries(openApi.paths as Record<string, { post?: { tags: string[] } }>);
    assert.deepEqual(
      paths.filter(([, { post }]) => post?.tags.includes('methods')).map(([path]) => path),
      methods.map((name) => `/${name}`),
    );
  });

  it('every example fits its schemas', () => {
    const ajv = new Ajv2020({ strict: false, validateFormats: false });
    for (const method of openRpc.methods) {
      const [example] = method.examples;
      assert.ok(example);
      for (const param of method.params) {
        const given: { value: unknown } | undefined = example.params.find(({ name }) => name === param.name);
        if (given) assert.ok(ajv.validate(param.schema, given.value), `${method.name}: ${param.name}`);
        else assert.equal(param.required, false, `${method.name}: ${param.name}`);
      }
      assert.ok(ajv.validate(method.result.schema, example.result.value), method.name);
    }
  });

  it('the bounds of 64-bit integers are in them digit for digit', () => {
    const text = stringifyJson(openRpcDocument(subject)) + stringifyJson(openApiDocument(subject));
    for (const bound of ['-9223372036854775808', '9223372036854775807', '18446744073709551615']) {
      assert.ok(text.includes(`:${bound}`), bound);
    }
  });
});
