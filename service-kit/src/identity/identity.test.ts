import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Logger, pino } from 'pino';
import { Registry } from 'prom-client';
import { defineService, implement, serveHttp } from 'rpc-kit';
import sinon from 'sinon';
import { z } from 'zod';
import { openPeer } from '../calling/peer.ts';
import { commonVariables, loadConfig } from '../config.ts';
import { serviceOptions } from '../serving/serving.ts';
import { type AccessMode, IDENTITY_RULE, type Identity, openIdentity } from './identity.ts';
import { generateServiceKey, type JWK } from './service-key.ts';

const echo = defineService(
  'echo',
  { summary: 'Says who called.', version: '0.1.0' },
  {
    say: {
      summary: 'Says it.',
      params: z.strictObject({}),
      result: z.object({ service: z.string().optional() }),
      timeoutMs: 5_000,
      access: { callers: ['gateway'] },
      example: { params: {}, result: {} },
    },
  },
);

describe('The identity of a process', () => {
  let folder: string;
  let keys: Record<'gateway' | 'loms', JWK>;
  let lines: { level: number; msg: string; method?: string; service?: string; decision?: string }[];
  let logger: Logger;
  const file = (name: string) => join(folder, name);
  const put = (name: string, value: unknown) => writeFileSync(file(name), JSON.stringify(value));

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'order-mesh-identity-'));
    const [gateway, loms] = [await generateServiceKey(), await generateServiceKey()];
    keys = { gateway: gateway.privateJwk, loms: loms.privateJwk };
    put('gateway', gateway.privateJwk);
    put('loms', loms.privateJwk);
    put('trust', { gateway: { keys: [gateway.publicJwk] }, loms: { keys: [loms.publicJwk] } });
  });
  after(() => rmSync(folder, { recursive: true }));
  beforeEach(() => {
    lines = [];
    logger = pino({ base: null }, { write: (line: string) => lines.push(JSON.parse(line)) });
  });

  const open = (name: string, ACCESS: AccessMode): Identity =>
    openIdentity(name, { ACCESS, SERVICE_KEY_FILE: file(name), TRUST_FILE: file('trust') }, logger);

  /** A service that checks its callers, and a client of each kind. */
  async function serve(access: AccessMode) {
    await using resources = new AsyncDisposableStack();
    const registry = new Registry();
    const own = openIdentity('echo', { ACCESS: access, TRUST_FILE: file('trust') }, logger);
    resources.use(own);
    const handlers = {
      say: async (_params: unknown, { caller }: { caller: { service?: string | undefined } }) => caller,
    };
    const service = implement(echo, handlers, serviceOptions({ logger, registry, identity: own }));
    const server = resources.use(await serveHttp(service, { host: '127.0.0.1', port: 0, logger }));
    const call = async (identity: Identity | undefined) => {
      const options = { urls: [server.url], userAgent: 'test/1', registry: new Registry(), identity };
      await using peer = openPeer(echo, options);
      return await peer.client.say({}).then(
        ({ service: proven }) => proven ?? 'nobody',
        ({ code }: { code: string }) => code,
      );
    };
    const owned = resources.move();
    return { call, [Symbol.asyncDispose]: () => owned.disposeAsync() };
  }

  it('signs the calls of a peer, which admits the callers of its contract', async () => {
    await using service = await serve('enforce');
    // A key signs whatever ACCESS says.
    using gateway = open('gateway', 'open');
    using loms = open('loms', 'enforce');
    assert.equal(await service.call(gateway), 'gateway');
    assert.equal(await service.call(loms), 'permission_denied');
    assert.equal(await service.call(undefined), 'unauthenticated');
  });

  it('admits and logs what it would refuse with ACCESS=audit, once a minute for each method and caller', async () => {
    const clock = sinon.useFakeTimers({ toFake: ['performance'], now: 0 });
    try {
      await using service = await serve('audit');
      using loms = open('loms', 'audit');
      for (const wait of [0, 1_000, 59_000]) {
        clock.tick(wait);
        assert.equal(await service.call(loms), 'loms');
        assert.equal(await service.call(undefined), 'nobody');
      }
    } finally {
      clock.restore();
    }
    const warnings = lines.filter(({ level }) => level === 40);
    assert.deepEqual(
      warnings.map(({ method, service, decision }) => [method, service, decision]),
      [
        ['say', 'loms', 'permission_denied'],
        ['say', undefined, 'unauthenticated'],
        ['say', 'loms', 'permission_denied'],
        ['say', undefined, 'unauthenticated'],
      ],
    );
  });

  it('checks nothing with ACCESS=open, and proves nothing without a key', async () => {
    await using service = await serve('open');
    using gateway = open('gateway', 'open');
    assert.equal(await service.call(gateway), 'nobody');
    using keyless = openIdentity('gateway', { ACCESS: 'open' }, logger);
    assert.equal(keyless.signerFor('echo'), undefined);
    assert.equal(keyless.identify, undefined);
  });

  it('stops to trust a key within a second after it left the trust file, also for a token that it knows', async () => {
    const clock = sinon.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    try {
      using own = open('loms', 'enforce');
      using gateway = open('gateway', 'enforce');
      const authorization = (await gateway.signerFor('loms')?.()) ?? '';
      assert.equal(await own.identify?.(authorization), 'gateway');
      const { d: _, ...publicKey } = keys.loms;
      put('trust', { loms: { keys: [publicKey] } });
      clock.tick(1_000);
      assert.equal(await own.identify?.(authorization), undefined);
    } finally {
      clock.restore();
    }
  });

  it('is a mistake in the configuration where a file is missing or wrong', () => {
    const start = (variables: object) => openIdentity('loms', { ACCESS: 'enforce', ...variables }, logger);
    const missing = /^SERVICE_KEY_FILE cannot be read: ENOENT: .*nothing/;
    assert.throws(() => start({ SERVICE_KEY_FILE: file('nothing') }), { name: 'ConfigError', message: missing });
    const wrong = /^TRUST_FILE is wrong: /;
    assert.throws(() => start({ TRUST_FILE: file('loms') }), { name: 'ConfigError', message: wrong });
  });

  it('needs both files, unless access is open', () => {
    const { ACCESS, SERVICE_KEY_FILE, TRUST_FILE } = commonVariables;
    const schema = z.object({ ACCESS, SERVICE_KEY_FILE, TRUST_FILE }).refine(...IDENTITY_RULE);
    const both = { SERVICE_KEY_FILE: 'a', TRUST_FILE: 'b' };
    assert.deepEqual(loadConfig(schema, both), { ACCESS: 'enforce', ...both });
    assert.equal(loadConfig(schema, { ACCESS: 'open' }).ACCESS, 'open');
    for (const given of [{}, { TRUST_FILE: 'b' }, { ACCESS: 'audit', SERVICE_KEY_FILE: 'a' }]) {
      assert.throws(() => loadConfig(schema, given), {
        name: 'ConfigError',
        message: /^SERVICE_KEY_FILE and TRUST_FILE have to be set, or ACCESS=open, /,
      });
    }
  });
});
