import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import type { Registry } from 'prom-client';
import { RpcError } from 'rpc-kit';
import { createTurns } from 'service-kit';
import type { HashPlace } from '../domain/ports.ts';
import { hashMetrics } from './metrics.ts';
import { formatPhc, type HashParameters, parsePhc } from './phc.ts';

const compute = promisify(argon2);

/** OWASP's Password Storage Cheat Sheet: 19 MiB, two passes, one lane. */
export const CURRENT: HashParameters = { memory: 19_456, passes: 2, parallelism: 1 };
const SALT_BYTES = 16;
const TAG_BYTES = 32;

/** libuv has four threads; the other two are left to DNS, files and the compression of answers. */
export const HASHES_MAX = 2;
/**
 * With those that run, fewer than the 32 connections that a gateway has to this process: other calls must find a free one. At 44 ms a
 * hash, the last one waits 0.5 s.
 */
export const WAITING_MAX = 20;
/** By then every hash that waits now has been computed. */
const RETRY_AFTER_MS = 1_000;

export interface Hasher {
  /** @throws {RpcError} resource_exhausted when too many hashes wait */
  enter(): HashPlace;
  /** Whether the hash is cheaper to guess than a new one. */
  isOutdated(passwordHash: string): boolean;
}

/** Hashes passwords with argon2id on libuv's threads, a few at a time. */
export function createHasher(registry: Registry, current: HashParameters = CURRENT): Hasher {
  const turns = createTurns(HASHES_MAX);
  // No password has this hash. Checking it costs an unknown account the same as a wrong password.
  const nobody = formatPhc({ ...current, salt: randomBytes(SALT_BYTES), tag: randomBytes(TAG_BYTES) });
  let places = 0;
  const metrics = hashMetrics(registry, () => turns);

  async function tagOf(password: string, salt: Buffer, parameters: HashParameters, tagBytes: number) {
    const done = metrics.seconds.startTimer();
    const message = normalize(password);
    const tag = await compute('argon2id', { ...parameters, message, nonce: salt, tagLength: tagBytes });
    done();
    return tag;
  }

  const place = (): HashPlace => {
    let isFree = false;
    return {
      async hash(password, { signal }) {
        using _turn = await turns.take(signal);
        const salt = randomBytes(SALT_BYTES);
        return formatPhc({ ...current, salt, tag: await tagOf(password, salt, current, TAG_BYTES) });
      },
      async verify(passwordHash, password, { signal }) {
        const { salt, tag, ...parameters } = parsePhc(passwordHash ?? nobody);
        using _turn = await turns.take(signal);
        return timingSafeEqual(await tagOf(password, salt, parameters, tag.length), tag);
      },
      [Symbol.dispose]() {
        if (!isFree) places -= 1;
        isFree = true;
      },
    };
  };

  return {
    enter() {
      if (places >= HASHES_MAX + WAITING_MAX) {
        metrics.refused.inc();
        const message = 'Too many passwords are being checked; try again later';
        throw new RpcError('resource_exhausted', message, { retryAfterMs: RETRY_AFTER_MS });
      }
      places += 1;
      return place();
    },
    isOutdated(passwordHash) {
      const { memory, passes } = parsePhc(passwordHash);
      return memory < current.memory || passes < current.passes;
    },
  };
}

/** Keyboards write é as one character or as two; both are one password (RFC 8265, section 4.2.2). */
export function normalize(password: string): string {
  return password.normalize('NFC');
}
