import { readFileSync } from 'node:fs';
import type { z } from 'zod';
import { variable } from './variables.ts';

/** How the brokers are reached. */
export interface KafkaAccess {
  /** `host:port` of some of the brokers; they name the others. */
  readonly brokers: readonly string[];
  /** Speak TLS, and believe the authorities that Node knows, or else this one in PEM. */
  readonly tls?: { readonly ca?: string } | undefined;
  /** Who we are (https://kafka.apache.org/documentation/#security_sasl). */
  readonly sasl?:
    | { readonly mechanism: SaslMechanism; readonly username: string; readonly password: string }
    | undefined;
}

const MECHANISMS = ['SCRAM-SHA-512', 'SCRAM-SHA-256', 'PLAIN'] as const;
type SaslMechanism = (typeof MECHANISMS)[number];

/** @param purpose what the service does with a Kafka, as a sentence */
export function kafkaVariables(purpose: string) {
  return {
    KAFKA_BROKERS: variable.hostPorts().optional().describe(`Some of the brokers, as host:port by commas. ${purpose}`),
    KAFKA_TLS: variable.choice(['off', 'on'], 'off').describe('Whether the brokers are spoken to by TLS.'),
    KAFKA_CA_FILE: variable
      .file()
      .optional()
      .describe(
        "The authority that signed the brokers' certificates, as a file in PEM. Without it, those that Node knows.",
      ),
    KAFKA_USERNAME: variable.text().optional().describe('SASL user name. Unset: connect without authentication.'),
    KAFKA_PASSWORD: variable.secret().optional().describe('The password of KAFKA_USERNAME.'),
    KAFKA_SASL_MECHANISM: variable
      .choice(MECHANISMS, 'SCRAM-SHA-512')
      .describe('SASL mechanism. PLAIN sends the password in clear text, so it requires KAFKA_TLS=on.'),
  };
}

export type KafkaConfig = z.output<z.ZodObject<ReturnType<typeof kafkaVariables>>>;

/** @returns nothing where no brokers are named */
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
    KAFKA_CA_FILE && KAFKA_TLS === 'off' ? 'KAFKA_CA_FILE is of no use without KAFKA_TLS=on' : '',
    KAFKA_USERNAME && KAFKA_SASL_MECHANISM === 'PLAIN' && KAFKA_TLS === 'off'
      ? 'KAFKA_SASL_MECHANISM=PLAIN would send the password for everybody to read: set KAFKA_TLS=on'
      : '',
  ].filter((mistake) => mistake !== '');
}

/** What the clients of @platformatic/kafka want of it. */
export function toKafkaClient({ brokers, tls, sasl }: KafkaAccess) {
  return { bootstrapBrokers: [...brokers], ...(tls && { tls: { ...tls } }), ...(sasl && { sasl: { ...sasl } }) };
}

interface Failure {
  readonly code?: unknown;
  /** By Kafka's protocol. */
  readonly apiId?: unknown;
  readonly message?: unknown;
  readonly cause?: unknown;
  readonly errors?: readonly unknown[];
}

const REASONS: readonly (readonly [holds: (failure: Failure) => boolean, reason: string])[] = [
  [
    ({ apiId }) => apiId === 'SASL_AUTHENTICATION_FAILED',
    'the brokers refuse KAFKA_USERNAME with this KAFKA_PASSWORD by this KAFKA_SASL_MECHANISM.',
  ],
  [({ apiId }) => apiId === 'UNSUPPORTED_SASL_MECHANISM', 'the brokers do not take this KAFKA_SASL_MECHANISM.'],
  [
    ({ code }) => /CERT|UNABLE_TO_VERIFY/.test(String(code)),
    "the brokers' certificate is not believed: KAFKA_CA_FILE has to name who signed it, and the addresses have to be those in it.",
  ],
  [
    ({ code, message }) => /WRONG_VERSION|ERR_SSL/.test(String(code)) || /before secure TLS/.test(String(message)),
    'the brokers do not speak TLS there: leave KAFKA_TLS, or name their port for it in KAFKA_BROKERS.',
  ],
];

/** Why brokers that are there let nobody in, as a sentence that says what to look at; `undefined` where it is nothing of that. */
export function explainKafkaFailure(error: unknown): string | undefined {
  const failures = allOf(error);
  return REASONS.find(([holds]) => failures.some(holds))?.[1];
}

/** Errors of Kafka's client hold others as causes and in lists; what tells something is far inside. */
function allOf(error: unknown, depth = 0): Failure[] {
  if (typeof error !== 'object' || error === null || depth > DEPTH_MAX) return [];
  const failure: Failure = error;
  return [failure, ...[failure.cause, ...(failure.errors ?? [])].flatMap((inner) => allOf(inner, depth + 1))];
}

const DEPTH_MAX = 10;
