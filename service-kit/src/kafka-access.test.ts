import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { ConfigError, EVEN_WITH_MISTAKES, loadConfig, maskSecrets } from './config.ts';
import { checkKafka, explainKafkaFailure, kafkaVariables, readKafkaAccess, toKafkaClient } from './kafka-access.ts';

const schema = z.object(kafkaVariables('With them the test is happy.')).superRefine(checkKafka, EVEN_WITH_MISTAKES);
const access = (environment: NodeJS.ProcessEnv) => readKafkaAccess(loadConfig(schema, environment));
const BROKERS = { KAFKA_BROKERS: 'one:9092, two:9093' };
const USER = { KAFKA_USERNAME: 'loms', KAFKA_PASSWORD: 'a secret' };
const FILE = fileURLToPath(import.meta.url);

describe('The access to Kafka', () => {
  it('is undefined without brokers', () => {
    assert.equal(access({}), undefined);
    assert.equal(access(USER), undefined);
  });

  it('is without TLS and authentication by default', () => {
    const plain = access(BROKERS);
    assert.ok(plain);
    assert.deepEqual(toKafkaClient(plain), { bootstrapBrokers: ['one:9092', 'two:9093'] });
  });

  it('trusts the authorities of Node for TLS, or the one in KAFKA_CA_FILE', () => {
    assert.deepEqual(access({ ...BROKERS, KAFKA_TLS: 'on' })?.tls, {});
    const named = access({ ...BROKERS, KAFKA_TLS: 'on', KAFKA_CA_FILE: FILE });
    assert.match(named?.tls?.ca ?? '', /^import assert/);
  });

  it('authenticates by SCRAM-SHA-512, or by the configured mechanism', () => {
    const sasl = { username: 'loms', password: 'a secret' };
    assert.deepEqual(access({ ...BROKERS, ...USER })?.sasl, { mechanism: 'SCRAM-SHA-512', ...sasl });
    const plain = access({ ...BROKERS, ...USER, KAFKA_TLS: 'on', KAFKA_SASL_MECHANISM: 'PLAIN' });
    assert.ok(plain);
    assert.deepEqual(toKafkaClient(plain).sasl, { mechanism: 'PLAIN', ...sasl });
  });

  const mistakes: Record<string, [NodeJS.ProcessEnv, RegExp]> = {
    'a name without a password': [{ KAFKA_USERNAME: 'loms' }, /^KAFKA_USERNAME and KAFKA_PASSWORD belong together/],
    'a password without a name': [{ KAFKA_PASSWORD: 'x' }, /^KAFKA_USERNAME and KAFKA_PASSWORD belong together/],
    'an authority without TLS': [
      { KAFKA_CA_FILE: FILE },
      /^KAFKA_CA_FILE has no effect without KAFKA_TLS=on\. The README/,
    ],
    'a password in clear text': [{ ...USER, KAFKA_SASL_MECHANISM: 'PLAIN' }, /set KAFKA_TLS=on\. The README/],
    'an authority whose file is not there': [
      { KAFKA_TLS: 'on', KAFKA_CA_FILE: '/nowhere/ca.pem' },
      /^KAFKA_CA_FILE is wrong: it is "\/nowhere\/ca\.pem", .*\(ENOENT\)\. The README/,
    ],
  };
  for (const [what, [environment, message]] of Object.entries(mistakes)) {
    it(`is refused in a sentence: ${what}`, () => {
      assert.throws(
        () => access({ ...BROKERS, ...environment }),
        (error) => {
          assert.ok(error instanceof ConfigError);
          assert.match(error.message, message);
          return true;
        },
      );
    });
  }

  it('reports all mistakes at once', () => {
    const both = { ...BROKERS, KAFKA_USERNAME: 'loms', KAFKA_CA_FILE: FILE };
    assert.throws(() => access(both), /belong together.*; KAFKA_CA_FILE has no effect/);
  });

  it('never shows the password', () => {
    const shown = maskSecrets(schema, loadConfig(schema, { ...BROKERS, ...USER }));
    assert.equal(shown.KAFKA_PASSWORD, '***');
  });
});

describe('A refused connection to Kafka', () => {
  /** Nested as deep as Kafka's client nests it. */
  const inside = (failure: object): Error => {
    const cause = Object.assign(new Error('inner'), failure);
    const attempt = Object.assign(new Error('connection failed'), { cause: new Error('authentication', { cause }) });
    return new AggregateError([new AggregateError([attempt])], 'failed 3 times');
  };

  const reasons: Record<string, [object, RegExp]> = {
    'a wrong password': [{ apiId: 'SASL_AUTHENTICATION_FAILED' }, /refuse KAFKA_USERNAME with this KAFKA_PASSWORD/],
    'a mechanism that is not known': [
      { apiId: 'UNSUPPORTED_SASL_MECHANISM' },
      /do not support this KAFKA_SASL_MECHANISM/,
    ],
    'a certificate without a known authority': [
      { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' },
      /KAFKA_CA_FILE has to hold its authority/,
    ],
    'a certificate for another address': [
      { code: 'ERR_TLS_CERT_ALTNAME_INVALID' },
      /and KAFKA_BROKERS the names in it/,
    ],
    'a port without TLS': [{ code: 'ERR_SSL_WRONG_VERSION_NUMBER' }, /has no TLS/],
  };
  for (const [what, [failure, reason]] of Object.entries(reasons)) {
    it(`is explained in a sentence: ${what}`, () => {
      assert.match(explainKafkaFailure(inside(failure)) ?? '', reason);
    });
  }

  it('is not explained if the brokers are unreachable, or the error contains itself', () => {
    assert.equal(explainKafkaFailure(inside({ code: 'ECONNREFUSED' })), undefined);
    assert.equal(explainKafkaFailure('away'), undefined);
    const round = new Error('round');
    round.cause = round;
    assert.equal(explainKafkaFailure(round), undefined);
  });
});
