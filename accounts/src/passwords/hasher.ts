import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import { availableParallelism } from 'node:os';
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

/**
 * Leaves a core to the event loop and to the processes beside it, and two of libuv's four threads to DNS, files and the compression
 * of answers. With both cores hashing, a call that needs no hash took eleven times as long at p99.
 */
export const HASHES_MAX = Math.max(1, Math.min(2, availableParallelism() - 1));
/** With those that run, fewer than the 14 calls of low priority that this process admits when its limit of concurrency is least. */
export const WAITING_MAX = 10;
/** How long the last one waits at most, as long as hashes take now: it leaves 2 s of the 5 s of its call to its own work. */
const WAIT_MS_MAX = 3_000;
/** The weight of the newest hash in how long hashes take now: ten hashes are half a second. */
const NEWEST_WEIGHT = 0.1;
/** By then every hash that waits now has been computed. */
const RETRY_AFTER_MS = WAIT_MS_MAX;

export interface Hasher {
  /** @throws {RpcError} resource_exhausted when too many hashes wait */
  enter(): HashPlace;
  /** Whether the hash is cheaper to guess than a new one. */
  isOutdated(passwordHash: string): boolean;
}

/** Hashes passwords with argon2id on libuv's threads, a few at a time. */
export function createHasher(
  registry: Registry,
  current: HashParameters = CURRENT,
  now: () => number = () => performance.now(),
): Hasher {
  const turns = createTurns(HASHES_MAX);
  // No password has this hash. Checking it costs an unknown account the same as a wrong password.
  const nobody = formatPhc({ ...current, salt: randomBytes(SALT_BYTES), tag: randomBytes(TAG_BYTES) });
  let places = 0;
  /** How long a hash takes now. */
  let hashMs = 0;
  const metrics = hashMetrics(registry, () => turns);

  async function tagOf(password: string, salt: Buffer, parameters: HashParameters, tagBytes: number) {
    const startedAt = now();
    const message = normalize(password);
    const tag = await compute('argon2id', { ...parameters, message, nonce: salt, tagLength: tagBytes });
    const tookMs = now() - startedAt;
    hashMs += (tookMs - hashMs) * NEWEST_WEIGHT;
    metrics.seconds.observe(tookMs / 1_000);
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
      const isLate = (places * hashMs) / HASHES_MAX > WAIT_MS_MAX;
      if (isLate || places >= HASHES_MAX + WAITING_MAX) {
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
