import { succeed } from './attempts.ts';
import { type CheckParts, checkPassword, lockChecked } from './check-password.ts';
import { toEmailKey } from './email.ts';
import type { Context, Device, UserReader } from './ports.ts';
import { type IssuedTokens, startSession, type TokenParts } from './start-session.ts';

export interface LoginParts extends CheckParts, TokenParts {
  readonly users: UserReader;
}

export interface Credential {
  readonly email: string;
  readonly password: string;
  readonly device: Device;
  readonly network: string | undefined;
}

/**
 * Checks the password and starts a session.
 * @throws {Refusal} invalid_credentials, too_many_attempts
 */
export async function login(parts: LoginParts, credential: Credential, context: Context): Promise<IssuedTokens> {
  const { email, password, device, network } = credential;
  const emailKey = toEmailKey(email);
  using place = parts.passwords.enter();
  const found = await parts.users.findByEmailKey(emailKey, context);
  const given = { emailKey, network, password, device };
  const { user, reservation, newHash } = await checkPassword(parts, place, found, given, context);
  return parts.store.transaction(async (repositories) => {
    const locked = await lockChecked(repositories.users, user);
    if (newHash !== undefined) await repositories.users.setPasswordHash(user.user, newHash, false);
    const issued = await startSession({ ...parts, repositories }, locked, device);
    await succeed(repositories, parts.limits, reservation);
    await repositories.audit.add({ kind: 'logged in', user: user.user }, device);
    return issued;
  }, context);
}
