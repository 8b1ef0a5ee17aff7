import { readFileSync } from 'node:fs';
import type { z } from 'zod';
import { variable } from './variables.ts';

/** How a service connects to Kafka. */
export interface KafkaAccess {
  /** `host:port` of the bootstrap brokers. */
  readonly brokers: readonly string[];
  /** TLS; `ca` is the certificate authority in PEM, by default the authorities that Node trusts. */
  readonly tls?: { readonly ca?: string } | undefined;
  /** Authentication (https://kafka.apache.org/documentation/#security_sasl). */
  readonly sasl?:
    | { readonly mechanism: SaslMechanism; readonly username: string; readonly password: string }
    | undefined;
}

const MECHANISMS = ['SCRAM-SHA-512', 'SCRAM-SHA-256', 'PLAIN'] as const;
type SaslMechanism = (typeof MECHANISMS)[number];

/** @param purpose a sentence: how the service uses Kafka */
export function kafkaVariables(purpose: string) {
  return {
    KAFKA_BROKERS: variable
      .hostPorts()
      .optional()
      .describe(`Bootstrap brokers as host:port, separated by commas. ${purpose}`),
    KAFKA_TLS: variable.choice(['off', 'on'], 'off').describe('Whether connections to the brokers use TLS.'),
    KAFKA_CA_FILE: variable
      .file()
      .optional()
      .describe('PEM file with the certificate authority of the brokers. Unset: the authorities that Node trusts.'),
    KAFKA_USERNAME: variable.text().optional().describe('SASL user name. Unset: connect without authentication.'),
    KAFKA_PASSWORD: variable.secret().optional().describe('SASL password of KAFKA_USERNAME.'),
    KAFKA_SASL_MECHANISM: variable
      .choice(MECHANISMS, 'SCRAM-SHA-512')
      .describe('SASL mechanism. PLAIN sends the password in clear text, so it requires KAFKA_TLS=on.'),
  };
}

export type KafkaConfig = z.output<z.ZodObject<ReturnType<typeof kafkaVariables>>>;

/** @returns `undefined` without KAFKA_BROKERS */
export function readKafkaAccess(config: KafkaConfig): KafkaAccess | undefined {
  const { KAFKA_BROKERS: brokers, KAFKA_TLS, KAFKA_CA_FILE, KAFKA_USERNAME, KAFKA_PASSWORD } = config;
  if (!brokers) return undefined;
  const tls = KAFKA_TLS === 'on' ? { ...(KAFKA_CA_FILE && { ca: readFileSync(KAFKA_CA_FILE, 'utf8') }) } : undefined;
  const sasl =
    KAFKA_USERNAME && KAFKA_PASSWORD
      ? { mechanism: config.KAFKA_SASL_MECHANISM, username: KAFKA_USERNAME, password: KAFKA_PASSWORD }
      : undefined;
  return { brokers, tls, sasl };
}

/** The rules over several of the variables, for the `superRefine` of a service's configuration. */
export function checkKafka(config: KafkaConfig, context: z.RefinementCtx): void {
  for (const message of mistakesOf(config)) context.addIssue({ code: 'custom', message });
}

function mistakesOf(config: KafkaConfig): string[] {
  const { KAFKA_TLS, KAFKA_CA_FILE, KAFKA_USERNAME, KAFKA_PASSWORD, KAFKA_SASL_MECHANISM } = config;
  return [
    !KAFKA_USERNAME === !KAFKA_PASSWORD ? '' : 'KAFKA_USERNAME and KAFKA_PASSWORD belong together: set both or neither',
    KAFKA_CA_FILE && KAFKA_TLS === 'off' ? 'KAFKA_CA_FILE has no effect without KAFKA_TLS=on' : '',
    KAFKA_USERNAME && KAFKA_SASL_MECHANISM === 'PLAIN' && KAFKA_TLS === 'off'
      ? 'KAFKA_SASL_MECHANISM=PLAIN sends the password in clear text: set KAFKA_TLS=on'
      : '',
  ].filter((mistake) => mistake !== '');
}

/** The options of @platformatic/kafka's clients. */
export function toKafkaClient({ brokers, tls, sasl }: KafkaAccess) {
  return { bootstrapBrokers: [...brokers], ...(tls && { tls: { ...tls } }), ...(sasl && { sasl: { ...sasl } }) };
}

interface Failure {
  readonly code?: unknown;
  /** The name of the error in Kafka's protocol. */
  readonly apiId?: unknown;
  readonly message?: unknown;
  readonly cause?: unknown;
  readonly errors?: readonly unknown[];
}

const REASONS: readonly (readonly [holds: (failure: Failure) => boolean, reason: string])[] = [
  [
    ({ apiId }) => apiId === 'SASL_AUTHENTICATION_FAILED',
    'the brokers refuse KAFKA_USERNAME with this KAFKA_PASSWORD and this KAFKA_SASL_MECHANISM.',
  ],
  [({ apiId }) => apiId === 'UNSUPPORTED_SASL_MECHANISM', 'the brokers do not support this KAFKA_SASL_MECHANISM.'],
  [
    ({ code }) => /CERT|UNABLE_TO_VERIFY/.test(String(code)),
    'the certificate of the brokers is not trusted: KAFKA_CA_FILE has to hold its authority, and KAFKA_BROKERS the names in it.',
  ],
  [
    ({ code, message }) => /WRONG_VERSION|ERR_SSL/.test(String(code)) || /before secure TLS/.test(String(message)),
    'this port of the brokers has no TLS: set KAFKA_TLS=off, or name their TLS port in KAFKA_BROKERS.',
  ],
];

/** Why reachable brokers refuse the service, as a sentence with the variable to check; `undefined` for any other failure. */
export function explainKafkaFailure(error: unknown): string | undefined {
  const failures = allOf(error);
  return REASONS.find(([holds]) => failures.some(holds))?.[1];
}

/** Kafka's client nests errors as causes and in lists; the useful one is deep inside. */
function allOf(error: unknown, depth = 0): Failure[] {
  if (typeof error !== 'object' || error === null || depth > DEPTH_MAX) return [];
  const failure: Failure = error;
  return [failure, ...[failure.cause, ...(failure.errors ?? [])].flatMap((inner) => allOf(inner, depth + 1))];
}

const DEPTH_MAX = 10;
