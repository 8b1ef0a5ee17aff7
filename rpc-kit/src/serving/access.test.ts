import assert from 'node:assert/strict';
import { Registry } from 'prom-client';
import { z } from 'zod';
import type { Call } from '../call.ts';
import { createClient } from '../client.ts';
import { defineService } from '../contract.ts';
import { RpcError } from '../rpc-error.ts';
import { implement } from '../server.ts';
import { accessMetrics } from '../telemetry/access-metrics.ts';
import { testCall } from '../testing.ts';
import { type AccessOptions, checkAccess } from './access.ts';

const method = {
  summary: 'Says it.',
  params: z.strictObject({ word: z.string() }),
  result: z.object({ service: z.string() }),
  timeoutMs: 5_000,
  example: { params: { word: 'a' }, result: { service: 'checkout' } },
};
const echo = defineService(
  'echo',
  { summary: 'Says it.', version: '0.1.0' },
  { say: { ...method, access: { callers: ['checkout'] } }, never: method },
);

/** Headers are the names of services; `?` proves none, and `later` takes its time. */
const identify: AccessOptions['identify'] = (header) => {
  if (header === 'later') return Promise.resolve('checkout');
  return header === '?' ? undefined : header;
};

function open(options: Partial<AccessOptions> = {}) {
  const handle = async (_params: unknown, { caller }: Call) => ({ service: caller.service ?? 'nobody' });
  const interceptors = [checkAccess({ mode: 'enforce', identify, ...options })];
  const service = implement(echo, { say: handle, never: handle }, { interceptors });
  return (name: string, authorization: string | undefined, params: unknown = { word: 'a' }) =>
    service.call(testCall({ service: 'echo', method: name, params, caller: { name: 'loms/1', authorization } }));
}

const refusalOf = async (call: Promise<unknown>): Promise<[string, string]> => {
  const error = await call.then(
    () => assert.fail('it was admitted'),
    (error: unknown) => error,
  );
  assert.ok(error instanceof RpcError, String(error));
  return [error.code, error.message];
};

describe('The access check', () => {
  it('admits a caller that the contract names, and gives its name to the handler', async () => {
    const call = open();
    assert.deepEqual(await call('say', 'checkout'), { service: 'checkout' });
    assert.deepEqual(await call('say', 'later'), { service: 'checkout' });
  });

  it('refuses a call without proof in the same words, for an unknown method and wrong params too', async () => {
    const call = open();
    const refusals = await Promise.all(
      [call('say', undefined), call('say', '?'), call('nothing', undefined), call('say', '?', {})].map(refusalOf),
    );
    assert.equal(refusals[0]?.[0], 'unauthenticated');
    for (const refusal of refusals) assert.deepEqual(refusal, refusals[0]);
  });

  it('refuses a proven caller that the contract does not name, by name, before it looks at the params', async () => {
    const sentence = 'loms may not call echo.say: the contract names its callers';
    assert.deepEqual(await refusalOf(open()('say', 'loms', {})), ['permission_denied', sentence]);
  });

  it('admits no caller to a method without access', async () => {
    assert.equal((await refusalOf(open()('never', 'checkout')))[0], 'permission_denied');
  });

  it('answers a proven caller that there is no such method', async () => {
    assert.equal((await refusalOf(open()('nothing', 'checkout')))[0], 'method_not_found');
  });

  it('only reports in the mode audit', async () => {
    const seen: unknown[] = [];
    const call = open({ mode: 'audit', on: { decided: ({ service, decision }) => seen.push([service, decision]) } });
    assert.deepEqual(await call('say', undefined), { service: 'nobody' });
    assert.deepEqual(await call('say', 'loms'), { service: 'loms' });
    assert.deepEqual(await call('say', 'checkout'), { service: 'checkout' });
    const denied = ['loms', 'permission_denied'];
    assert.deepEqual(seen, [[undefined, 'unauthenticated'], denied, ['checkout', 'allowed']]);
  });

  it('refuses a client in the same process too', async () => {
    const handle = async () => ({ service: '' });
    const interceptors = [checkAccess({ mode: 'enforce', identify })];
    const client = createClient(echo, implement(echo, { say: handle, never: handle }, { interceptors }));
    assert.equal((await refusalOf(client.say({ word: 'a' })))[0], 'unauthenticated');
  });

  it('counts decisions by method, and unknown methods together', async () => {
    const registry = new Registry();
    const call = open({ on: accessMetrics(registry) });
    await call('say', 'checkout');
    for (const name of ['say', 'a', 'b']) await refusalOf(call(name, undefined));
    await refusalOf(call('say', 'loms'));
    const { values } = (await registry.getSingleMetric('rpc_server_access_total')?.get()) ?? { values: [] };
    assert.deepEqual(
      values.map(({ labels, value }) => [labels.method, labels.decision, value]),
      [
        ['say', 'allowed', 1],
        ['say', 'unauthenticated', 1],
        ['say', 'permission_denied', 1],
        ['unknown', 'unauthenticated', 2],
      ],
    );
  });
});
