import { type AttemptLimits, type Guess, type Reservation, reserveGuess } from './attempts.ts';
import type { Context, Credentials, Device, HashPlace, Passwords, Store } from './ports.ts';
import { Refusal } from './refusal.ts';

export interface CheckParts {
  readonly store: Store;
  readonly passwords: Passwords;
  readonly limits: AttemptLimits;
}

export interface GivenPassword extends Guess {
  readonly password: string;
  readonly device: Device;
}

export interface CheckedPassword {
  readonly reservation: Reservation;
  readonly user: Credentials;
  /** A hash with the current parameters, where the stored one has weaker ones. */
  readonly newHash: string | undefined;
}

/**
 * Checks the password of an account that may not exist. An unknown account, a wrong password and a disabled account do the same
 * work and have the same answer.
 *
 * @param place entered first: a call that is shed reads nothing and does not count as a guess
 * @param user `undefined`: there is no such account
 * @throws {Refusal} invalid_credentials, too_many_attempts
 */
export async function checkPassword(
  { store, passwords, limits }: CheckParts,
  place: HashPlace,
  user: Credentials | undefined,
  { password, device, ...guess }: GivenPassword,
  context: Context,
): Promise<CheckedPassword> {
  const reservation = await reserveGuess(store, limits, guess, context);
  const isRight = await place.verify(user?.passwordHash, password, context);
  if (!isRight || !user || user.disabled) {
    await store.transaction(({ audit }) => audit.add({ kind: 'login failed', user: user?.user }, device), context);
    throw new Refusal({ reason: 'invalid_credentials' });
  }
  const newHash = passwords.isOutdated(user.passwordHash) ? await place.hash(password, context) : undefined;
  return { reservation, user, newHash };
}

/**
 * Locks a user whose password was checked. Its hash may be another one by now: a login at the same time hashed the password again.
 * @throws {Refusal} invalid_credentials where the account was disabled or its password changed meanwhile
 */
export async function lockChecked(
  users: { lock(user: bigint): Promise<Credentials | undefined> },
  checked: Credentials,
): Promise<Credentials> {
  const user = await users.lock(checked.user);
  const isChanged = user?.passwordChangedAt.getTime() !== checked.passwordChangedAt.getTime();
  if (user && !user.disabled && !isChanged) return user;
  throw new Refusal({ reason: 'invalid_credentials' });
}
