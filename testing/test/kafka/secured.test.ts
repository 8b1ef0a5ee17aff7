import assert from 'node:assert/strict';
import { AclOperations, AclPermissionTypes, Admin, ResourcePatternTypes, ResourceTypes } from '@platformatic/kafka';
import { loms } from 'loms/contract.ts';
import { ensureTopic } from 'loms/testing';
import { startEventConsumer } from 'notifications/testing';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { createClient, createHttpTransport } from 'rpc-kit';
import { kafkaVariables, loadConfig, readKafkaAccess } from 'service-kit';
import { type SecuredKafka, startSecuredKafka } from 'testing';
import { z } from 'zod';
import { eventually } from '../../src/patience.ts';
import { openWorld } from '../nothing-lost/world.ts';

const SKU = 1;
const ORDERS = 3;
/** A limit against hanging: a broker, and twice both services. */
const TEST_TIMEOUT_MS = 240_000;

describe('A Kafka with TLS and authentication', function () {
  this.timeout(TEST_TIMEOUT_MS);
  let kafka: SecuredKafka;

  // One for each test: its events belong to the orders of one database.
  beforeEach(async () => {
    kafka = await startSecuredKafka();
  });
  afterEach(() => kafka[Symbol.asyncDispose]());

  const environment = (more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv => ({
    KAFKA_BROKERS: kafka.address,
    KAFKA_TLS: 'on',
    KAFKA_CA_FILE: kafka.caFile,
    KAFKA_USERNAME: kafka.user.name,
    KAFKA_PASSWORD: kafka.user.password,
    ...more,
  });

  async function makeOrders(settings: NodeJS.ProcessEnv) {
    await using resources = new AsyncDisposableStack();
    const world = resources.use(await openWorld({ loms: settings, notifications: () => settings }));
    await world.outbox(
      `INSERT INTO stocks (sku, warehouse_id, initial, supplied, on_sale) VALUES (${SKU}, 1, 100, 100, 100)`,
    );
    const [url] = await Promise.all([world.relays.add(), world.addReceiver(0)]);
    const client = createClient(loms, resources.use(createHttpTransport(url, { userAgent: 'tests' })));
    for (let order = 0; order < ORDERS; order++)
      await client.createOrder({ user: 1n, items: [{ sku: SKU, count: 1 }] });
    const owned = resources.move();
    return { world, [Symbol.asyncDispose]: () => owned.disposeAsync() };
  }

  for (const mechanism of ['SCRAM-SHA-512', 'PLAIN']) {
    it(`carries events of services that authenticate by ${mechanism}`, async () => {
      await using made = await makeOrders(environment({ KAFKA_SASL_MECHANISM: mechanism }));
      await made.world.stored(2 * ORDERS);
      await made.world.journaled();
      await made.world.assertEachOnceAndInOrder();
    });
  }

  it('refuses a service with the wrong password: its orders succeed, and their events wait', async () => {
    await using made = await makeOrders(environment({ KAFKA_PASSWORD: 'wrong' }));
    const waiting = await made.world.outbox('SELECT delivered_at FROM outbox');
    assert.deepEqual(waiting, Array(2 * ORDERS).fill({ delivered_at: null }));
  });

  const strangers: Record<string, [NodeJS.ProcessEnv, RegExp]> = {
    'has the wrong password': [
      { KAFKA_PASSWORD: 'wrong' },
      /the brokers refuse KAFKA_USERNAME with this KAFKA_PASSWORD/,
    ],
    'does not know who signed the certificate': [
      { KAFKA_CA_FILE: '' },
      /the certificate of the brokers is not trusted/,
    ],
    'comes by a mechanism that is not taken': [
      { KAFKA_SASL_MECHANISM: 'SCRAM-SHA-256' },
      /the brokers do not support this KAFKA_SASL_MECHANISM/,
    ],
    'speaks no TLS': [
      { KAFKA_TLS: 'off', KAFKA_CA_FILE: '' },
      /a broker that requires KAFKA_TLS or KAFKA_USERNAME closes/,
    ],
  };

  it('makes the reason visible why a service is refused', async () => {
    const reasons = Object.entries(strangers).map(async ([what, [settings, reason]]) => {
      const access = readKafkaAccess(loadConfig(z.object(kafkaVariables('')), environment(settings)));
      assert.ok(access);
      const making = ensureTopic({ ...access, topic: 'orders', partitions: 1, replication: 1 });
      await assert.rejects(making, reason, `one that ${what}`);
    });
    await Promise.all(reasons);

    const access = readKafkaAccess(loadConfig(z.object(kafkaVariables('')), environment({ KAFKA_PASSWORD: 'wrong' })));
    assert.ok(access);
    const lines: string[] = [];
    const logger = pino({ base: null }, { write: (line: string) => void lines.push(line) });
    const letters = { list: async () => [], count: async () => ({}) };
    const place = { topic: 'orders', group: 'tests', ports: {} as never, letters };
    await using _consumer = startEventConsumer({ ...access, ...place, logger, registry: new Registry() });
    const said = (): boolean => lines.some((line) => line.includes('Kafka does not let notifications in: the brokers'));
    await eventually('the consumer says why', said);
  });

  it('needs no right to create the topic where it exists', async () => {
    const admin = new Admin({ clientId: 'tests', bootstrapBrokers: [kafka.plainAddress], retries: 10 });
    await using _admin = { [Symbol.asyncDispose]: () => admin.close() };
    const { DENY, ALLOW } = AclPermissionTypes;
    const { CLUSTER, TOPIC } = ResourceTypes;
    const own = { principal: `User:${kafka.user.name}`, host: '*' };
    const cluster = {
      resourceType: CLUSTER,
      resourceName: 'kafka-cluster',
      resourcePatternType: ResourcePatternTypes.LITERAL,
    };
    const topics = { resourceType: TOPIC, resourceName: 'orders', resourcePatternType: ResourcePatternTypes.PREFIXED };
    const creations = [
      { ...own, ...cluster, operation: AclOperations.CREATE, permissionType: DENY },
      { ...own, ...topics, operation: AclOperations.WRITE, permissionType: ALLOW },
    ];
    await admin.createAcls({ creations });
    const access = readKafkaAccess(loadConfig(z.object(kafkaVariables('')), environment()));
    assert.ok(access);
    let names = 0;
    const ensure = () => ensureTopic({ ...access, topic: `orders-${names}`, partitions: 1, replication: 1 });
    // The broker learns of the rules a moment later, and creates a topic until then.
    await eventually('the topic cannot be created', async () => {
      names += 1;
      return await ensure().then(
        () => false,
        ({ message }: Error) => message.includes('loms is not authorized to create it, and finds no such topic'),
      );
    });
    await admin.createTopics({ topics: [`orders-${names}`], partitions: 1, replicas: 1 });
    const isFound = () =>
      ensure().then(
        () => true,
        () => false,
      );
    await eventually('the topic is found', isFound);
  });
});
