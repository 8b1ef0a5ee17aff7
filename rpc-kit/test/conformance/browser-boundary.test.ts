import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { METADATA_HEADERS } from 'rpc-kit';
import { type Exceptions, onEachHost, type TestServer } from '../mounts/hosts.ts';
import { type RawAnswer, sendRaw } from './raw-http.ts';
import { createSubject, type Subject } from './subject.ts';

const JSON_TYPE = 'Content-Type: application/json';

interface Sent {
  readonly line?: string;
  readonly host?: string;
  readonly headers?: readonly string[];
  readonly body?: string;
}

/** A request to `POST /greeting` unless it says otherwise. */
function send(
  server: TestServer,
  { line = 'POST /greeting', host, headers = [], body = '{}' }: Sent,
): Promise<RawAnswer> {
  const length = line.startsWith('POST') ? [`Content-Length: ${body.length}`] : [];
  const lines = [`${line} HTTP/1.1`, `Host: ${host ?? `localhost:${server.port}`}`, 'Connection: close', ...length];
  return sendRaw(server.port, `${[...lines, ...headers].join('\r\n')}\r\n\r\n${length.length > 0 ? body : ''}`);
}

const codeOf = ({ body }: RawAnswer): unknown => JSON.parse(body).error.code;

const NO_URL = 'The host cannot make a URL with it, and refuses it itself.';
const EXCEPTIONS: Exceptions = {
  Hono: {
    '"localhost:80:80" is refused from everyone, by any method and at every page': NO_URL,
    '"localhost@evil.example" is refused from everyone, by any method and at every page': NO_URL,
    '"http://localhost" is refused from everyone, by any method and at every page': NO_URL,
    '"local host" is refused from everyone, by any method and at every page': NO_URL,
    'is an address or a name without a dot where no browser asks, as services ask each other': NO_URL,
    "is missing in a browser's request of HTTP/1.0, which is refused": NO_URL,
    'learns by a preflight which methods and headers it may use, at every address': NO_URL,
    'of a whole URL in the request line counts where a browser asks':
      'A Request does not say whether its URL was in the request line. Browsers write no whole URL there.',
    'is the address that was asked, where the service listens on all of them':
      'A Request does not say at which address its connection arrived: list the address in allowedHosts.',
  },
};

onEachHost('the browser boundary', EXCEPTIONS, ({ serve, it }) => {
  let server: TestServer;
  let subject: Subject;

  before(async () => {
    subject = createSubject();
    server = await serve(subject.service, {
      allowedHosts: ['shop.example', 'port.example:8443'],
      allowedOrigins: ['https://shop.example', 'http://localhost:3000'],
    });
  });
  beforeEach(() => {
    subject.executed.length = 0;
  });
  after(() => server.close());

  const own = (): string => `http://localhost:${server.port}`;

  it('refuses a web page that buys by a body without a type, from a foreign origin and under a foreign name', async () => {
    const attack = { line: 'POST /order', body: '{"user":51,"items":[{"sku":1076963,"count":1}]}' };
    const origin = 'Origin: http://evil.example';
    const statuses = [
      await send(server, { ...attack, host: 'evil.example', headers: [origin] }),
      await send(server, { ...attack, headers: [origin] }),
      await send(server, { ...attack, headers: [origin, JSON_TYPE] }),
      await send(server, { ...attack, host: 'evil.example' }),
      await send(server, { ...attack, host: 'evil.example', headers: [JSON_TYPE] }),
    ].map(({ status }) => status);
    assert.deepEqual(statuses, [421, 403, 403, 421, 421]);
    assert.deepEqual(subject.executed, []);
  });

  describe('a body without a content type', () => {
    it("is refused from a browser, also from the service's own page", async () => {
      for (const mark of [`Origin: ${own()}`, 'Sec-Fetch-Site: same-origin', 'Sec-Fetch-Site: none']) {
        assert.equal((await send(server, { headers: [mark] })).status, 415, mark);
      }
      const chunked = ['Origin: https://shop.example', 'Transfer-Encoding: chunked'];
      const head = `POST /greeting HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${chunked.join('\r\n')}\r\n\r\n`;
      assert.equal((await sendRaw(server.port, head, '2\r\n{}\r\n0\r\n\r\n')).status, 415);
      assert.deepEqual(subject.executed, []);
    });

    it('is accepted from other programs, and a missing one from browsers too', async () => {
      assert.equal((await send(server, {})).status, 200);
      assert.equal((await send(server, { body: '', headers: [`Origin: ${own()}`] })).status, 200);
      assert.equal(
        (await send(server, { line: 'GET /greeting', headers: ['Sec-Fetch-Site: same-origin'] })).status,
        200,
      );
    });

    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=a', '']) {
      it(`is not mended by the type "${type}", which needs no preflight`, async () => {
        assert.equal((await send(server, { headers: [`Origin: ${own()}`, `Content-Type: ${type}`] })).status, 415);
      });
    }
  });

  describe('an origin', () => {
    it("is the service's own when it is the Host", async () => {
      for (const host of [
        own().slice(7),
        '127.0.0.1:1',
        'LOCALHOST',
        '[::1]:8080',
        'localhost.:1',
        '127.9.9.9',
        'shop.example',
      ]) {
        const headers = [JSON_TYPE, `Origin: http://${host.toLowerCase()}`];
        assert.equal((await send(server, { host, headers })).status, 200, host);
      }
      const spelled = [JSON_TYPE, 'Origin: HTTP://LocalHost:80'];
      assert.equal((await send(server, { host: 'localhost', headers: spelled })).status, 200);
    });

    it('is foreign when it differs from the Host, however little', async () => {
      const { port } = server;
      const foreign = [
        'null',
        '',
        'http://evil.example',
        'http://localhost',
        'http://localhost:1',
        `http://127.0.0.1:${port}`,
        `http://[::1]:${port}`,
        `https://localhost:${port}`,
        `http://localhost.:${port}`,
        `http://localhost:${port}/`,
        `http://localhost:${port}@evil.example`,
        `http://evil.example@localhost:${port}`,
        `http://localhost:${port}.evil.example`,
        `http://sub.localhost:${port}`,
        `http://localhost:${port} http://evil.example`,
        `http://localhost:${port},http://evil.example`,
        `ws://localhost:${port}`,
        `localhost:${port}`,
        'http://shop.example',
        'https://shop.example:8443',
        'https://shop.example.',
        'https://sub.shop.example',
        'chrome-extension://abcdefgh',
        '*',
      ];
      for (const origin of foreign) {
        const answer = await send(server, { headers: [JSON_TYPE, `Origin: ${origin}`] });
        assert.deepEqual([answer.status, codeOf(answer)], [403, 'permission_denied'], origin);
        assert.equal(answer.headers['access-control-allow-origin'], undefined, origin);
      }
      assert.deepEqual(subject.executed, []);
    });

    it('that comes twice is refused, also when both are allowed', async () => {
      for (const second of ['http://evil.example', own()]) {
        const headers = [JSON_TYPE, `Origin: ${own()}`, `Origin: ${second}`];
        assert.equal((await send(server, { headers })).status, 403);
      }
    });

    it('is refused with what the browser says of it when that contradicts', async () => {
      for (const site of ['cross-site', 'same-site', 'same-origin, cross-site', 'Same-Origin', '']) {
        const headers = [JSON_TYPE, `Origin: ${own()}`, `Sec-Fetch-Site: ${site}`];
        assert.equal((await send(server, { headers })).status, 403, site);
      }
      const evil = [JSON_TYPE, 'Origin: http://evil.example', 'Sec-Fetch-Site: same-origin'];
      assert.equal((await send(server, { headers: evil })).status, 403);
    });

    it('is refused on /rpc in the form of JSON-RPC', async () => {
      const call = '{"jsonrpc":"2.0","id":7,"method":"greeting"}';
      const answer = await send(server, { line: 'POST /rpc', headers: [JSON_TYPE, 'Origin: null'], body: call });
      const { id, error } = JSON.parse(answer.body);
      assert.deepEqual([answer.status, id, error.code, error.data.code], [403, null, -32007, 'permission_denied']);
    });
  });

  describe('a request without an origin', () => {
    const paths = [
      '/greeting',
      '/healthz',
      '/readyz',
      '/metrics',
      '/docs',
      '/openapi.json',
      '/openrpc.json',
      '/',
      '/no_such',
    ];
    for (const path of paths) {
      it(`that another site's image, script or frame makes to ${path} is refused`, async () => {
        for (const site of ['cross-site', 'same-site', 'unheard-of', '']) {
          for (const destination of ['image', 'script', 'iframe', 'empty']) {
            const headers = [`Sec-Fetch-Site: ${site}`, 'Sec-Fetch-Mode: no-cors', `Sec-Fetch-Dest: ${destination}`];
            const { status } = await send(server, { line: `GET ${path}`, headers });
            assert.equal(status, 403, `${site} ${destination}`);
          }
        }
        assert.deepEqual(subject.executed, []);
      });
    }

    it("is served when the service's own page or a person made it", async () => {
      for (const site of ['same-origin', 'none']) {
        for (const path of ['/greeting', '/docs', '/metrics']) {
          assert.equal((await send(server, { line: `GET ${path}`, headers: [`Sec-Fetch-Site: ${site}`] })).status, 200);
        }
      }
    });

    it('may follow a link on another site to the documentation, and to nothing else', async () => {
      const link = ['Sec-Fetch-Site: cross-site', 'Sec-Fetch-Mode: navigate', 'Sec-Fetch-Dest: document'];
      const statuses = async (...lines: string[]) => {
        const answers = await Promise.all(
          lines.map((line) => send(server, { line, headers: [...link, 'Accept: text/html'] })),
        );
        return answers.map(({ status }) => status);
      };
      assert.deepEqual(await statuses('GET /docs', 'GET /'), [200, 302]);
      assert.deepEqual(
        await statuses('GET /greeting', 'GET /metrics', 'POST /docs', 'POST /greeting'),
        [403, 403, 403, 403],
      );
    });
  });

  describe('a Host', () => {
    const foreign = [
      'evil.example',
      'evil.example:80',
      'localhost.evil.example',
      'loms.svc.cluster.local',
      '127.0.0.1.evil.example',
      'port.example',
      'port.example:1',
      'sub.shop.example',
      'localhost:80:80',
      'localhost@evil.example',
      'http://localhost',
      'local host',
      '*',
      ',',
    ];
    for (const host of foreign) {
      it(`"${host}" is refused from everyone, by any method and at every page`, async () => {
        for (const line of [
          'GET /greeting',
          'GET /docs',
          'GET /metrics',
          'GET /healthz',
          'HEAD /greeting',
          'POST /greeting',
          'OPTIONS /rpc',
        ]) {
          assert.equal((await send(server, { line, host })).status, 421, line);
        }
        assert.deepEqual(subject.executed, []);
      });
    }

    it('that is listed is served, for its port or for every port', async () => {
      for (const host of ['shop.example', 'Shop.Example.:123', 'port.example:8443']) {
        assert.equal((await send(server, { host })).status, 200, host);
      }
    });

    it('is an address or a name without a dot where no browser asks, as services ask each other', async () => {
      for (const host of ['loms', 'loms:8081', 'my_upstream', '10.0.0.7:8081', '[fd00::7]:8081', '']) {
        assert.equal((await send(server, { host })).status, 200, host);
        assert.equal((await send(server, { host, headers: [JSON_TYPE, `Origin: http://${host}`] })).status, 421, host);
        assert.equal(
          (await send(server, { line: 'GET /docs', host, headers: ['Sec-Fetch-Site: none'] })).status,
          421,
          host,
        );
      }
    });

    it('of a whole URL in the request line counts where a browser asks', async () => {
      const line = 'POST http://evil.example/greeting';
      assert.equal((await send(server, { line, headers: [JSON_TYPE, `Origin: ${own()}`] })).status, 421);
      assert.equal((await send(server, { line, headers: [JSON_TYPE, 'Origin: http://evil.example'] })).status, 421);
      const ownLine = `POST ${own()}/greeting`;
      assert.equal((await send(server, { line: ownLine, headers: [JSON_TYPE, `Origin: ${own()}`] })).status, 200);
    });

    it("is missing in a browser's request of HTTP/1.0, which is refused", async () => {
      const { status } = await sendRaw(server.port, 'GET /greeting HTTP/1.0\r\nOrigin: http://localhost\r\n\r\n');
      assert.equal(status, 421);
    });

    it('is the address that was asked, where the service listens on all of them', async () => {
      const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
      const lan = addresses.find(({ family, internal }) => family === 'IPv4' && !internal)?.address ?? '127.0.0.1';
      for (const host of ['0.0.0.0', '::']) {
        await using everywhere = await serve(subject.service, { host });
        const origin = `http://${lan}:${everywhere.port}`;
        const answer = await fetch(`${origin}/greeting`, {
          method: 'POST',
          headers: { origin, 'content-type': 'application/json' },
          body: '{}',
        });
        assert.equal(answer.status, 200, host);
      }
    });
  });

  describe('a listed page', () => {
    const shop = 'Origin: https://shop.example';

    it('reads the answer, its errors and the headers that say what to do', async () => {
      const lines = [
        'POST /greeting',
        'POST /rpc',
        'GET /metrics',
        'POST /no_such',
        'DELETE /greeting',
        'POST /broken',
      ];
      for (const line of lines) {
        const { headers } = await send(server, { line, headers: [JSON_TYPE, shop, 'Sec-Fetch-Site: cross-site'] });
        assert.equal(headers['access-control-allow-origin'], 'https://shop.example', line);
        assert.match(String(headers['access-control-expose-headers']), /x-request-id, retry-after/, line);
        assert.equal(headers.vary, 'Origin', line);
      }
    });

    it('learns by a preflight which methods and headers it may use, at every address', async () => {
      const ask = [
        'Access-Control-Request-Method: POST',
        'Access-Control-Request-Headers: content-type,idempotency-key',
      ];
      for (const path of ['/rpc', '/order', '/metrics', '*']) {
        const { status, headers, body } = await send(server, { line: `OPTIONS ${path}`, headers: [shop, ...ask] });
        assert.deepEqual([status, body], [204, '']);
        assert.equal(headers['access-control-allow-origin'], 'https://shop.example');
        assert.equal(headers['access-control-allow-methods'], 'GET, HEAD, POST');
        assert.equal(headers['access-control-max-age'], '600');
        assert.equal(headers.vary, 'Origin');
        const allowed = String(headers['access-control-allow-headers']).split(', ');
        assert.deepEqual(allowed, [
          'content-type',
          'authorization',
          'last-event-id',
          'x-batch-answers',
          ...Object.values(METADATA_HEADERS),
        ]);
      }
    });

    it('is the only one that a preflight is for', async () => {
      const ask = (origin: string) =>
        send(server, { line: 'OPTIONS /order', headers: [`Origin: ${origin}`, 'Access-Control-Request-Method: POST'] });
      for (const origin of ['http://evil.example', 'null', 'http://shop.example']) {
        const { status, headers } = await ask(origin);
        assert.equal(status, 403, origin);
        assert.deepEqual(
          Object.keys(headers).filter((name) => name.startsWith('access-control')),
          [],
          origin,
        );
        assert.equal(headers.vary, 'Origin');
      }
      assert.equal((await ask(own())).status, 405);
      assert.equal((await send(server, { line: 'OPTIONS /order' })).status, 405);
    });

    it('makes every answer vary by origin, also one to an unlisted page', async () => {
      assert.equal((await send(server, {})).headers.vary, 'Origin');
    });
  });

  it('lets no WebSocket of another page begin', async () => {
    const upgrade = [
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      'Sec-WebSocket-Version: 13',
    ];
    const { status } = await send(server, {
      line: 'GET /greeting',
      headers: [...upgrade, 'Origin: http://evil.example'],
    });
    assert.equal(status, 403);
  });

  it('does not start with a list that holds a malformed host or origin', async () => {
    await assert.rejects(serve(subject.service, { allowedHosts: ['*'] }), { message: '"*" is no host' });
    await assert.rejects(serve(subject.service, { allowedOrigins: ['null'] }), { message: '"null" is no origin' });
  });
});
