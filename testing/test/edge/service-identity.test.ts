import assert from 'node:assert/strict';
import { createHmac, randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { accounts } from 'accounts/contract.ts';
import { checkout } from 'checkout/contract.ts';
import { loms } from 'loms/contract.ts';
import { findRunningMesh, IDENTITIES, identityVariables, loadCaller, replaceFile, type ServiceName } from 'mesh';
import { notifications } from 'notifications/contract.ts';
import { products } from 'products/contract.ts';
import { createClient, createHttpTransport, type ServiceContract } from 'rpc-kit';
import { generateServiceKey, type JWK, mintServiceToken, parseServiceKey } from 'service-kit/identity';
import { startMesh, type TestMesh } from 'testing';
import { runTool } from 'tools/precommit';
import { fetchDocument } from '../../src/document-proof/documents.ts';
import { createExchange } from '../../src/document-proof/exchange.ts';
import { judge, operationsOf } from '../../src/document-proof/openapi-judge.ts';
import { eventually } from '../../src/patience.ts';
import { queryOnce } from '../query-once.ts';

const CONTRACTS: readonly ServiceContract[] = [accounts, checkout, loms, notifications, products];
/** A param that no method has: an admitted call is refused for it, and changes nothing. */
const WRONG_PARAMS = { 'no such param': 1 };
const SKU = 1_076_963;

type JsonRpcAnswer = { id: number; error?: { message: string; data: { code: string } } };

describe('the identity of services in a mesh', () => {
  let mesh: TestMesh;

  before(async () => {
    mesh = await startMesh();
  });
  after(() => mesh?.[Symbol.asyncDispose]());

  const urlOf = ({ name }: ServiceContract) => mesh.urls[name as ServiceName];
  const bearer = async (caller: ServiceName, callee: string) =>
    `Bearer ${await loadCaller(mesh.paths, caller).tokenFor(callee)}`;

  /** All methods of the service in one batch, with wrong params: the code of each answer, by method. */
  async function askAll(contract: ServiceContract, authorization: string | undefined, meta?: object) {
    const methods = Object.keys(contract.methods);
    const batch = methods.map((method, id) => ({ jsonrpc: '2.0', id, method, params: WRONG_PARAMS, meta }));
    const answers = (await post(`${urlOf(contract)}/rpc`, batch, authorization)).body as JsonRpcAnswer[];
    return answers.map(({ id, error }) => [methods[id] ?? '', error?.data.code, error?.message] as const);
  }

  describe('every method and every caller', () => {
    it('are in the contracts: each method names callers, and all of them exist', () => {
      for (const { name, methods } of CONTRACTS) {
        for (const [method, { access }] of Object.entries(methods)) {
          assert.ok((access?.callers.length ?? 0) > 0, `${name}.${method} names no caller`);
          for (const caller of access?.callers ?? [])
            assert.ok(
              IDENTITIES.some((known) => known === caller),
              caller,
            );
        }
      }
    });

    for (const contract of CONTRACTS) {
      it(`are admitted by ${contract.name} exactly as its contract says`, async () => {
        for (const caller of IDENTITIES) {
          const answers = await askAll(contract, await bearer(caller, contract.name));
          assert.equal(answers.length, Object.keys(contract.methods).length);
          for (const [method, code, message] of answers) {
            const admitted = contract.methods[method]?.access?.callers.includes(caller);
            assert.equal(code, admitted ? 'invalid_params' : 'permission_denied', `${caller} calls ${method}`);
            const refusal = `${caller} may not call ${contract.name}.${method}: the contract names its callers`;
            if (!admitted) assert.equal(message, refusal);
          }
        }
      });
    }
  });

  it('refuses every proof that is none with the same words, and an unknown method with them too', async () => {
    const keyOf = (name: ServiceName) => readJson<JWK>(identityVariables(mesh.paths, name).SERVICE_KEY_FILE);
    const key = parseServiceKey(JSON.stringify(keyOf('gateway')));
    const stranger = parseServiceKey(JSON.stringify((await generateServiceKey()).privateJwk));
    const good = await mintServiceToken(key, 'gateway', 'loms');
    const [header = '', payload = '', signature = ''] = good.split('.');
    const unsigned = (alg: string) => `${base64({ alg, typ: 'svc+jwt', kid: key.kid })}.${payload}`;
    const hs256 = createHmac('sha256', keyOf('gateway').x ?? '')
      .update(unsigned('HS256'))
      .digest('base64url');
    const proofs: Record<string, string | undefined> = {
      'no header': undefined,
      'an empty header': '',
      'a password': `Basic ${btoa('gateway:secret')}`,
      'a token for another service': `Bearer ${await mintServiceToken(key, 'gateway', 'checkout')}`,
      'a token that has expired': `Bearer ${await mintServiceToken(key, 'gateway', 'loms', -60)}`,
      "the name of the gateway under another service's key": `Bearer ${await mintServiceToken(parseServiceKey(JSON.stringify(keyOf('checkout'))), 'gateway', 'loms')}`,
      'a key that no file names': `Bearer ${await mintServiceToken(stranger, 'gateway', 'loms')}`,
      'a known kid under an unknown key': `Bearer ${await mintServiceToken({ ...stranger, kid: key.kid }, 'gateway', 'loms')}`,
      'the access token of a user': `Bearer ${base64({ alg: 'ES256', typ: 'at+jwt', kid: key.kid })}.${payload}.${signature}`,
      'another type': `Bearer ${base64({ alg: 'EdDSA', typ: 'JWT', kid: key.kid })}.${payload}.${signature}`,
      'no algorithm': `Bearer ${unsigned('none')}.`,
      'HS256 with the public key as its secret': `Bearer ${unsigned('HS256')}.${hs256}`,
      'other claims under the signature': `Bearer ${header}.${base64({ iss: 'gateway' })}.${signature}`,
      'a token of 9 KB': `Bearer ${header}.${'a'.repeat(9_216)}.${signature}`,
    };
    const words = new Set<string>();
    for (const [what, authorization] of Object.entries(proofs)) {
      for (const method of ['listOrder', 'no_such_method']) {
        const call = { jsonrpc: '2.0', id: 1, method, params: { orderID: 1 } };
        const { status, body } = await post(`${mesh.urls.loms}/rpc`, call, authorization);
        const { message, data } = (body as JsonRpcAnswer).error ?? assert.fail(`${what} was admitted`);
        assert.deepEqual([status, data.code], [200, 'unauthenticated'], `${what}, ${method}`);
        words.add(message);
      }
    }
    assert.equal(words.size, 1, [...words].join('\n'));
    const { status } = await post(`${mesh.urls.loms}/stocks`, { sku: SKU }, `Bearer ${good}`);
    assert.equal(status, 200, 'the token that the others are made of is good');
  });

  it('takes no token from the query, and none from one of two headers', async () => {
    const authorization = await bearer('gateway', 'loms');
    const token = authorization.slice('Bearer '.length);
    const { status } = await post(`${mesh.urls.loms}/stocks?access_token=${token}`, { sku: SKU }, undefined);
    assert.equal(status, 401);
    using exchange = createExchange(mesh.urls.loms);
    const headers = { authorization: [authorization, authorization] as unknown as string };
    const answer = await exchange.send({ verb: 'POST', path: '/stocks', headers, body: `{"sku":${SKU}}` });
    assert.match(answer.text, /Send one Authorization header/);
  });

  it('does not let the meta of a batched call change it', async () => {
    const meta = { authorization: await bearer('gateway', 'loms'), requestId: 'r1' };
    for (const [, code] of await askAll(loms, undefined, meta)) assert.equal(code, 'unauthenticated');
    for (const [method, code, message] of await askAll(loms, await bearer('notifications', 'loms'), meta)) {
      assert.equal(code, 'permission_denied', method);
      assert.match(message ?? '', /^notifications may not call /);
    }
  });

  it('is demanded on every address of a method, and on no page', async () => {
    for (const contract of CONTRACTS) {
      using exchange = createExchange(urlOf(contract));
      const document = await fetchDocument(exchange, '/openapi.json');
      for (const operation of operationsOf(document)) {
        const isMethod = operation.tags.includes('methods');
        const request = { verb: operation.verb, path: operation.path, body: isMethod ? '{}' : '' };
        const answer = await exchange.send(request);
        judge(document, operation, request, answer);
        if (operation.path === '/rpc') continue;
        assert.equal(answer.status, isMethod ? 401 : 200, `${contract.name} ${operation.verb} ${operation.path}`);
        if (!isMethod) continue;
        const headers = { authorization: await bearer('products', contract.name) };
        const denied = await exchange.send({ ...request, headers });
        judge(document, operation, request, denied);
        assert.equal(denied.status, 403, `${contract.name} ${operation.verb} ${operation.path}`);
      }
      const discovery = { jsonrpc: '2.0', id: 1, method: 'rpc.discover' };
      const { body } = await post(`${urlOf(contract)}/rpc`, discovery, undefined);
      assert.equal((body as { result: { openrpc: string } }).result.openrpc, '1.3.2');
    }
  });

  it('is shown for an operator by make token, which refuses unknown names and long lives', async () => {
    const tool = (variables: NodeJS.ProcessEnv) => runTool(['tools/src/token.ts'], { ...mesh.variables, ...variables });
    const { output } = await tool({ CALLER: 'gateway', SERVICE: 'loms' });
    assert.match(output, /^authorization: Bearer [\w.-]+\n$/);
    const { status } = await post(
      `${mesh.urls.loms}/stocks`,
      { sku: SKU },
      output.trim().slice('authorization: '.length),
    );
    assert.equal(status, 200);
    const wrong: [NodeJS.ProcessEnv, RegExp][] = [
      [
        { SERVICE: 'loms' },
        /^CALLER is "", but has to be one of accounts, .*: make token CALLER=gateway SERVICE=loms\.$/m,
      ],
      [{ CALLER: 'gateway', SERVICE: 'kafka' }, /^SERVICE is "kafka", but has to be one of accounts, /m],
      [
        { CALLER: 'gateway', SERVICE: 'loms', SECONDS: '901' },
        /^SECONDS is "901", but has to be a whole number from 1 to 900\.$/m,
      ],
    ];
    for (const [variables, sentence] of wrong) assert.match((await tool(variables)).output, sentence);
  });

  it('stands in the journal of operations', async () => {
    const call = { user: 5, items: [{ sku: SKU, count: 1 }] };
    const authorization = await bearer('gateway', 'loms');
    assert.equal((await post(`${mesh.urls.loms}/createOrder`, call, authorization)).status, 200);
    const url = findRunningMesh(mesh.variables).databaseUrls.loms;
    await eventually('the operation is saved', async () => {
      const rows = await queryOnce(
        url,
        "SELECT DISTINCT caller FROM operations WHERE method = 'createOrder' AND code = 'ok'",
      );
      return rows.length === 1 && (rows[0] as { caller: string }).caller === 'gateway';
    });
  });

  it('counts the decisions', async () => {
    const metrics = await (await fetch(`${mesh.urls.loms}/metrics`)).text();
    for (const decision of ['allowed', 'unauthenticated', 'permission_denied']) {
      assert.match(metrics, new RegExp(`^rpc_server_access_total\\{.*decision="${decision}".*\\} [1-9]`, 'm'));
    }
  });

  it('changes its key under load without a failed call', async () => {
    const { SERVICE_KEY_FILE, TRUST_FILE } = identityVariables(mesh.paths, 'checkout');
    const { privateJwk, publicJwk } = await generateServiceKey();
    const [oldKey, newKey] = [readFileSync(SERVICE_KEY_FILE, 'utf8'), JSON.stringify(privateJwk)];
    const callees = ['loms', 'products'] as const;
    const accepts = async (key: string, isAccepted: boolean) => {
      for (const callee of callees) {
        await eventually(`${callee} ${isAccepted ? 'accepts' : 'refuses'} the key`, async () => {
          const token = await mintServiceToken(parseServiceKey(key), 'checkout', callee);
          const call = { jsonrpc: '2.0', id: 1, method: 'no_such_method' };
          const { body } = await post(`${mesh.urls[callee]}/rpc`, call, `Bearer ${token}`);
          return ((body as JsonRpcAnswer).error?.data.code !== 'unauthenticated') === isAccepted;
        });
      }
    };
    const trustOnly = (keys: (trusted: JWK[]) => JWK[]) => {
      const trust = readJson<Record<string, { keys: JWK[] }>>(TRUST_FILE);
      trust.checkout = { keys: keys(trust.checkout?.keys ?? []) };
      replaceFile(TRUST_FILE, JSON.stringify(trust), 0o644);
    };

    await using load = startLoad(mesh);
    await eventually('the load runs', () => load.calls() > 20);
    trustOnly((keys) => [...keys, publicJwk]);
    await accepts(newKey, true);
    replaceFile(SERVICE_KEY_FILE, newKey, 0o600);
    const log = join(mesh.paths.logs, 'checkout.log');
    await eventually('checkout uses its new key', () =>
      /"variables":\["SERVICE_KEY_FILE"\].*their new contents are in use/.test(readFileSync(log, 'utf8')),
    );
    trustOnly(() => [publicJwk]);
    await accepts(oldKey, false);
    const before = load.calls();
    await eventually('the load goes on', () => load.calls() > before + 20);
    assert.deepEqual(await load.stop(), []);
  });
});

/** Each call makes checkout call loms. */
function startLoad({ urls, caller }: TestMesh) {
  const transport = createHttpTransport(urls.checkout, {
    userAgent: 'tests',
    authorization: caller.signerFor('checkout'),
  });
  const client = createClient(checkout, transport);
  const failures: string[] = [];
  let calls = 0;
  let isOver = false;
  const first = randomInt(2 ** 40);
  const users = [0, 1, 2].map(async (index) => {
    const user = BigInt(first + index);
    while (!isOver) {
      await client.addToCart({ user, sku: SKU, count: 1 }).catch((error) => failures.push(String(error)));
      await client.deleteFromCart({ user, sku: SKU, count: 1 }).catch((error) => failures.push(String(error)));
      calls += 1;
      await pause(10);
    }
  });
  const stop = async (): Promise<readonly string[]> => {
    isOver = true;
    await Promise.all(users);
    await transport[Symbol.asyncDispose]();
    return failures;
  };
  return {
    calls: () => calls,
    stop,
    async [Symbol.asyncDispose]() {
      await stop();
    },
  };
}

async function post(url: string, body: unknown, authorization: string | undefined) {
  const headers = { 'content-type': 'application/json', ...(authorization === undefined ? {} : { authorization }) };
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  return { status: response.status, body: (await response.json()) as unknown };
}

const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

function readJson<T>(file: string): T {
  return JSON.parse(readFileSync(file, 'utf8')) as T;
}
