import type { Attempts, Context, LoginFailures, Repositories, Store } from './ports.ts';
import { Refusal } from './refusal.ts';

const DELAY_FIRST_MS = 1_000;
const DELAY_MAX_MS = 900_000;
/** Guesses of one account that are not delayed: enough for a person who tries the passwords that come to mind. */
export const ACCOUNT_FREE = 5;
const DAY_MS = 86_400_000;
/** Attempts are forgotten a day after the first of them: those of people who share a network would add up for ever otherwise. */
const KEPT_MS = DAY_MS;
/**
 * How long a network stays known to an account after its last login. A session lasts 30 days, so the network is known still when
 * a person who stayed signed in has to log in again.
 */
const KNOWN_MS = 60 * DAY_MS;

export interface AttemptLimits {
  /** Failed logins of one address, and registrations of one address, that are not delayed. Many people may share it. */
  readonly addressFree: number;
}

/** Whose password is tried, and from where. */
export interface Guess {
  readonly emailKey: string;
  /** The network of an IP address; `undefined`: unknown. */
  readonly network: string | undefined;
}

/** A guess that was counted as failed before its password was checked, so that guesses made at the same time count too. */
export interface Reservation {
  readonly guess: Guess;
  /** The key that counted the guess for its account. */
  readonly accountKey: string;
}

/** The delay after so many attempts, of which the last one has just been made: 0, then doubling from a second to 15 minutes. */
export function delayAfter(count: number, free: number): number {
  return count < free ? 0 : Math.min(DELAY_FIRST_MS * 2 ** Math.min(count - free, 30), DELAY_MAX_MS);
}

/**
 * Counts a guess of a password. A network from which the account was logged in to before has a count of its own: an attacker
 * elsewhere cannot delay it.
 *
 * @throws {Refusal} too_many_attempts; this guess is not counted
 */
export function reserveGuess(
  store: Store,
  limits: AttemptLimits,
  guess: Guess,
  context: Context,
): Promise<Reservation> {
  return store.transaction(async ({ loginFailures }) => {
    const known = knownKey(guess);
    const isKnown = known !== undefined && (await loginFailures.has(known));
    const accountKey = isKnown ? apartKey(guess) : commonKey(guess);
    const address = addressKey(guess);
    const freeOf = (key: string): number => (key === address ? limits.addressFree : ACCOUNT_FREE);
    await count(loginFailures, address === undefined ? [accountKey] : [accountKey, address], freeOf);
    return { guess, accountKey };
  }, context);
}

/** The network is known to the account from now on. */
export async function remember({ loginFailures }: Pick<Repositories, 'loginFailures'>, guess: Guess): Promise<void> {
  const known = knownKey(guess);
  if (known !== undefined) await loginFailures.mark(known, KNOWN_MS);
}

/** The guess was right: the account's count begins anew, the address gets its attempt back, and is known from now on. */
export async function succeed(
  repositories: Pick<Repositories, 'loginFailures'>,
  limits: AttemptLimits,
  { guess, accountKey }: Reservation,
): Promise<void> {
  const { loginFailures } = repositories;
  const known = knownKey(guess);
  const address = addressKey(guess);
  const keys = new Set([accountKey, known, address].filter((key) => key !== undefined));
  const locked = await loginFailures.lock([...keys]);
  await loginFailures.remove([accountKey]);
  await remember(repositories, guess);
  const ofAddress = locked.find(({ key }) => key === address);
  if (!ofAddress) return;
  const left = Math.max(ofAddress.count - 1, 0);
  await loginFailures.save(
    [{ key: ofAddress.key, count: left, delayMs: delayAfter(left, limits.addressFree) }],
    KEPT_MS,
  );
}

/**
 * Counts a registration of the network, whether it succeeds or not.
 * @throws {Refusal} too_many_attempts
 */
export async function countRegistration(
  store: Store,
  limits: AttemptLimits,
  network: string | undefined,
  context: Context,
): Promise<void> {
  if (network === undefined) return;
  await store.transaction(
    ({ loginFailures }) => count(loginFailures, [`registrations of ${network}`], () => limits.addressFree),
    context,
  );
}

async function count(
  loginFailures: LoginFailures,
  keys: readonly string[],
  freeOf: (key: string) => number,
): Promise<void> {
  const locked = await loginFailures.lock(keys);
  const waitMs = Math.max(...locked.map((attempts) => attempts.waitMs));
  if (waitMs > 0) throw new Refusal({ reason: 'too_many_attempts', facts: { retryAfterMs: waitMs } });
  const oneMore = (attempts: Attempts) => ({ key: attempts.key, count: attempts.count + 1 });
  const counted = locked.map(oneMore).map((each) => ({ ...each, delayMs: delayAfter(each.count, freeOf(each.key)) }));
  await loginFailures.save(counted, KEPT_MS);
}

const commonKey = ({ emailKey }: Guess): string => `account ${emailKey}`;
const addressKey = ({ network }: Guess): string | undefined => network && `logins of ${network}`;
const apartKey = ({ emailKey, network }: Guess): string => `guesses from ${network}: ${emailKey}`;
/** Its row counts nothing. It is kept for longer than a count. */
const knownKey = ({ emailKey, network }: Guess): string | undefined =>
  network && `account from ${network}: ${emailKey}`;
