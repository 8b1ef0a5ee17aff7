import assert from 'node:assert/strict';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { wireSchema } from 'rpc-kit';
import { openApiDocument } from '../src/documents/openapi.ts';
import type { Route } from '../src/route.ts';
import { PREFIX, ROUTES } from '../src/routes/index.ts';
import { openGateway } from './gateway-fixture.ts';

const asText = <T>(value: T): T => JSON.parse(JSON.stringify(value));
const document = asText(openApiDocument('https://shop.example'));
const rows: readonly Route[] = Object.values(ROUTES).flat();

describe('The OpenAPI document', () => {
  it('is valid OpenAPI 3.1', async () => {
    const validator = new Validator();
    const { valid, errors } = await validator.validate(asText(document));
    assert.ok(valid, JSON.stringify(errors, undefined, 1));
    assert.equal(validator.version, '3.1');
  });

  it('names each operation once, and each route', () => {
    const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods as Record<string, { operationId?: string }>).map(([method, { operationId }]) => ({
        path,
        method,
        operationId,
      })),
    );
    const ids = operations.map(({ operationId }) => operationId).filter((id) => id !== undefined);
    assert.equal(new Set(ids).size, ids.length);
    assert.equal(ids.length, rows.length);
    for (const { method, path } of rows) {
      assert.ok(operations.some((one) => one.path === `${PREFIX}${path}` && one.method === method.toLowerCase()));
    }
  });

  for (const { method, path, body, answer, example } of rows) {
    it(`shows an example that fits: ${method} ${path}`, () => {
      const ajv = new Ajv2020({ strict: false, validateFormats: false });
      if (body) assert.ok(ajv.validate(asText(wireSchema(body)), example?.body), JSON.stringify(ajv.errors));
      if (answer) assert.ok(ajv.validate(asText(wireSchema(answer)), example?.answer), JSON.stringify(ajv.errors));
    });
  }

  it('is served, with a page to try it under its own policy', async () => {
    await using gateway = await openGateway({});
    const served = await gateway.ask('/openapi.json');
    assert.deepEqual(served.body, document);
    const page = await gateway.ask('/docs');
    assert.match(String(page.headers['content-security-policy']), /^default-src 'self'/);
    for (const [, asset = ''] of page.text.matchAll(/(?:src|href)="(\/docs\/[^"]+)"/g)) {
      assert.equal((await gateway.ask(asset)).status, 200, asset);
    }
  });
});
