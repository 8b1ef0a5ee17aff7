import assert from 'node:assert/strict';
import { accounts } from 'accounts/contract.ts';
import { checkout } from 'checkout/contract.ts';
import { loms } from 'loms/contract.ts';
import { notifications } from 'notifications/contract.ts';
import { products } from 'products/contract.ts';
import { type ServiceContract, wireSchema } from 'rpc-kit';

type Schema = { readonly [key: string]: unknown };

/** The paths at which the schema accepts any text. */
function freeTexts(schema: unknown, path: string): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const { type, pattern, enum: choices, const: only } = schema as Schema;
  const isFree = type === 'string' && pattern === undefined && choices === undefined && only === undefined;
  const below = Object.entries(schema).flatMap(([key, value]) => freeTexts(value, `${path}/${key}`));
  return isFree ? [path, ...below] : below;
}

const contracts: readonly ServiceContract[] = [accounts, checkout, loms, notifications, products];

describe('the params of all services', () => {
  it('accept no text that a database cannot store', () => {
    const found = contracts.flatMap(({ name, methods }) =>
      Object.entries(methods).flatMap(([method, { params }]) => freeTexts(wireSchema(params), `${name}/${method}`)),
    );
    assert.deepEqual(found, [], 'use text() of rpc-kit in place of z.string()');
  });
});
