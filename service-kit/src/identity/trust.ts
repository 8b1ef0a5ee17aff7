import { createPublicKey, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { ConfigError } from '../config.ts';
import { parseKeyFile } from './key-file.ts';
import { publicJwk } from './service-key.ts';

/** A rotation needs two keys; a service with more has forgotten to remove some. */
const KEYS_MAX = 10;
/** Bounds the work at each change of the file; a mesh has tens of services. */
const SERVICES_MAX = 1_000;

const trustFile = z
  .record(z.string().regex(/^[a-z][a-z0-9-]{0,62}$/), z.strictObject({ keys: z.array(publicJwk).max(KEYS_MAX) }))
  .refine((services) => Object.keys(services).length <= SERVICES_MAX, `it names more than ${SERVICES_MAX} services`);

/** The public keys of the services, by kid. */
export type Trust = ReadonlyMap<string, TrustedKey>;

export interface TrustedKey {
  /** The service that the key proves. */
  readonly service: string;
  readonly key: KeyObject;
}

/** @throws {ConfigError} for a text that is no trust file, and for a kid that two keys share */
export function parseTrust(text: string): Trust {
  return parseKeyFile('TRUST_FILE', text, trustFile, (services) => {
    const trust = new Map<string, TrustedKey>();
    for (const [service, { keys }] of Object.entries(services)) {
      for (const jwk of keys) {
        if (trust.has(jwk.kid)) throw new ConfigError(`TRUST_FILE is wrong: two keys have the kid ${jwk.kid}`);
        trust.set(jwk.kid, { service, key: createPublicKey({ key: jwk, format: 'jwk' }) });
      }
    }
    return trust;
  });
}
