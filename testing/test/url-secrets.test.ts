import assert from 'node:assert/strict';
import { createTestDatabase } from 'testing';
import { LEAK, listeningAt, SECRET, said, start, textOf, USERINFO } from './planted-secrets.ts';

/** No process listens on this port. */
const NOWHERE = '127.0.0.1:1';

describe('A password in a URL', () => {
  it('appears nowhere in services without any reachable peer', async () => {
    await using own = await createTestDatabase('loms');
    const wrong = own.url.replace(/:[^:@]+@/, `:p%40%2F${SECRET}@`);
    const peer = `http://${USERINFO}@${NOWHERE}/?key=${SECRET}`;
    const common = { DATABASE_URL: wrong, OTEL_EXPORTER_OTLP_ENDPOINT: `http://${USERINFO}@${NOWHERE}` };
    const kafka = { KAFKA_BROKERS: NOWHERE, KAFKA_USERNAME: 'u', KAFKA_PASSWORD: SECRET };
    const peers = {
      LOMS_URL: `dns+http://${USERINFO}@nowhere.invalid:1/?key=${SECRET}`,
      PRODUCTS_URL: `${peer},${peer}2`,
    };
    await using checkout = start('checkout/src/main.ts', { ...common, ...peers, PRODUCTS_TOKEN: SECRET });
    await using loms = start('loms/src/main.ts', { ...common, DATABASE_URL: own.url, NOTIFICATIONS_URL: peer });
    await using lomsByKafka = start('loms/src/main.ts', { ...common, ...kafka });
    await using notifications = start('notifications/src/main.ts', { ...common, ...kafka, WEBHOOK_URL: peer });
    await using products = start('products/src/main.ts', { ...common, PRODUCTS_TOKEN: SECRET });
    const services = [checkout, loms, lomsByKafka, notifications, products];
    const found: string[] = [];
    const urls = await Promise.all(services.map(listeningAt));
    for (const url of urls) found.push(await textOf(`${url}/readyz`), await textOf(`${url}/metrics`));
    found.push(await textOf(`${urls[0]}/listCart`, { user: 1 }));
    found.push(await textOf(`${urls[1]}/createOrder`, { user: 1, items: [{ sku: 1, count: 1 }] }));
    await said(checkout, 'DNS lookup failed');
    await said(loms, '"notifications"');
    await said(lomsByKafka, 'Kafka accepts no events');
    for (const service of services) await service[Symbol.asyncDispose]();
    found.push(...services.map((service) => service.output()));
    assert.doesNotMatch(found.join('\n'), LEAK);
    assert.doesNotMatch(found.join('\n'), new RegExp(new URL(own.url).password));
  });

  const broken: Record<string, string> = {
    'an encoding that is none': `u:${SECRET}%@host:1`,
    'a slash that is not encoded': `u:12/${SECRET}@host`,
    'a # that is not encoded': `u:${SECRET}#x@host`,
    'a ? that is not encoded': `u:1?${SECRET}@host`,
    'a blank': `u:${SECRET} x@host`,
    'a quote': `u:"${SECRET}@host`,
    'a port that is none': `u:${SECRET}@host:99999`,
    'a host that is none': `u:${SECRET}@ho!st`,
  };
  const programs: Record<string, readonly string[]> = {
    'checkout/src/main.ts': [],
    'loms/src/main.ts': [],
    'notifications/src/main.ts': [],
    'products/src/main.ts': [],
    'service-kit/src/migrate-cli.ts': ['up', 'loms'],
    'loms/src/load-catalogue.ts': ['catalogue/catalogue.json'],
    'notifications/src/dead-letters.ts': ['list'],
  };
  const https = [
    'LOMS_URL',
    'PRODUCTS_URL',
    'NOTIFICATIONS_URL',
    'WEBHOOK_URL',
    'OTEL_EXPORTER_OTLP_ENDPOINT',
    'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT',
  ];
  for (const [index, [program, words]] of Object.entries(programs).entries()) {
    it(`is not quoted when ${program} refuses the URL at the start`, async () => {
      // Each program meets some of the wrong URLs: the same code refuses all of them.
      const mistakes = Object.entries(broken).filter((_, place) => place % 2 === index % 2);
      await Promise.all(mistakes.map(([what, rest]) => refuse(what, rest)));
    });

    async function refuse(what: string, rest: string): Promise<void> {
      const database = `postgres://${rest}/d`;
      const variables = {
        ...Object.fromEntries(https.map((name) => [name, `http://${rest}`])),
        DATABASE_URL: database,
        SUPERUSER_DATABASE_URL: database,
        KAFKA_BROKERS: rest,
        PRODUCTS_TOKEN: 'x',
        PORT: `http://${rest}`,
      };
      await using running = start(program, variables, words);
      assert.equal(await running.ended, 1, what);
      assert.match(running.output(), /DATABASE_URL is wrong: [^\n]*\n$/, what);
      assert.doesNotMatch(running.output(), /^ +at /m, what);
      assert.doesNotMatch(running.output(), LEAK, what);
    }
  }
});
