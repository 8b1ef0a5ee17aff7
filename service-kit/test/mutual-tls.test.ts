import assert from 'node:assert/strict';
import { createAuthority } from 'mesh/certificates';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { defineService, implement, serveHttp } from 'rpc-kit';
import { openPeer } from 'service-kit';
import { z } from 'zod';
import { ConfigError, commonVariables, loadConfig } from '../src/config.ts';
import { followTls, parseTlsFiles, TLS_RULE } from '../src/identity/mutual-tls.ts';

const authority = createAuthority('mesh', 2);
const { cert, key } = authority.issue({ names: ['loms'], days: 1 });
const local = authority.issue({ names: ['localhost'], days: 1 });
const named = { TLS_CERT_FILE: local.cert, TLS_KEY_FILE: local.key, TLS_CA_FILE: authority.ca };
const good = { TLS_CERT_FILE: cert, TLS_KEY_FILE: key, TLS_CA_FILE: authority.ca };

describe('the variables of mutual TLS', () => {
  const { TLS_CERT_FILE, TLS_KEY_FILE, TLS_CA_FILE } = commonVariables;
  const schema = z.object({ TLS_CERT_FILE, TLS_KEY_FILE, TLS_CA_FILE }).refine(...TLS_RULE);
  const file = import.meta.filename;

  it('are set all three, or none', () => {
    assert.deepEqual(loadConfig(schema, {}), {});
    const all = { TLS_CERT_FILE: file, TLS_KEY_FILE: file, TLS_CA_FILE: file };
    assert.deepEqual(loadConfig(schema, all), all);
    for (const missing of Object.keys(all)) {
      const given = { ...all, [missing]: undefined };
      assert.throws(() => loadConfig(schema, given), {
        message: /^TLS_CERT_FILE, TLS_KEY_FILE and TLS_CA_FILE belong together: set all three or none/,
      });
    }
  });

  it('turn TLS off when they are not set', () => {
    assert.equal(followTls({}, pino({ level: 'silent' })), undefined);
  });

  it('are taken as they are when they belong together', () => {
    assert.deepEqual(parseTlsFiles(good), { cert, key, ca: authority.ca });
  });

  const other = authority.issue({ names: ['loms'], days: 1 });
  const expired = authority.issue({ names: ['loms'], days: -1 });
  for (const [what, files, message] of [
    ['a certificate that is none', { TLS_CERT_FILE: key }, /^TLS_CERT_FILE has to hold a certificate in PEM$/],
    [
      'a key that is none',
      { TLS_KEY_FILE: cert },
      /^TLS_KEY_FILE has to hold a private key without a passphrase in PEM$/,
    ],
    ['an authority that is none', { TLS_CA_FILE: '' }, /^TLS_CA_FILE has to hold certificates in PEM$/],
    [
      'the key of another certificate',
      { TLS_KEY_FILE: other.key },
      /^TLS_KEY_FILE is not the key of the certificate in TLS_CERT_FILE$/,
    ],
    [
      'an expired certificate',
      { TLS_CERT_FILE: expired.cert, TLS_KEY_FILE: expired.key },
      /^TLS_CERT_FILE expired at \d{4}-.*Z: renew it$/,
    ],
  ] as const) {
    it(`refuse ${what} in one sentence, without quoting a file`, () => {
      assert.throws(
        () => parseTlsFiles({ ...good, ...files }),
        (error) => error instanceof ConfigError && message.test(error.message) && error.cause === undefined,
      );
    });
  }
});

const echo = defineService(
  'echo',
  { summary: 'Answers the Host of its caller.', version: '0.1.0' },
  {
    say: {
      summary: 'Answers.',
      params: z.strictObject({}),
      result: z.object({ ok: z.boolean() }),
      timeoutMs: 5_000,
      reads: true,
      example: { params: {}, result: { ok: true } },
    },
  },
);

describe('A peer with mutual TLS', () => {
  const logger = pino({ level: 'silent' });
  const tls = () => parseTlsFiles(named);

  for (const scheme of ['https', 'dns+https']) {
    it(`is reached by ${scheme}, by the name that its certificate bears`, async () => {
      const service = implement(echo, { say: async () => ({ ok: true }) });
      await using server = await serveHttp(service, { host: '127.0.0.1', port: 0, logger, tls });
      const urls = [`${scheme}://localhost:${server.port}`];
      const identity = { signerFor: () => undefined, tls } as const;
      const registry = new Registry();
      await using peer = openPeer(echo, { urls, userAgent: 'test/1', registry, identity });
      assert.deepEqual(await peer.client.say({}), { ok: true });
      // The lookup of the name has ended, so the endpoint is the address.
      while (scheme === 'dns+https' && !(await registry.metrics()).includes('endpoint="https://127.0.0.1')) {
        await new Promise((resolve) => setImmediate(resolve));
      }
      assert.deepEqual(await peer.client.say({}), { ok: true });
    });
  }
});
