import { countRegistration, remember } from './attempts.ts';
import { parseEmail } from './email.ts';
import type { Credential, LoginParts } from './login.ts';
import type { Context, Passwords } from './ports.ts';
import { Refusal } from './refusal.ts';
import { type IssuedTokens, startSession } from './start-session.ts';

/**
 * Creates an account with the role user, and starts its first session. When the answer is lost, the person logs in.
 * @throws {Refusal} email_invalid, email_taken, password_refused, too_many_attempts
 */
export async function register(parts: LoginParts, credential: Credential, context: Context): Promise<IssuedTokens> {
  const { password, device, network } = credential;
  const { email, emailKey } = parseEmail(credential.email);
  // A call that is shed must not count as a registration.
  using place = parts.passwords.enter();
  await countRegistration(parts.store, parts.limits, network, context);
  refuseUnfit(parts.passwords, password, email);
  if (await parts.users.findByEmailKey(emailKey, context)) throw new Refusal({ reason: 'email_taken' });
  const passwordHash = await place.hash(password, context);
  return parts.store.transaction(async (repositories) => {
    const user = await repositories.users.create({ email, emailKey, passwordHash, role: 'user' });
    if (!user) throw new Refusal({ reason: 'email_taken' });
    const issued = await startSession({ ...parts, repositories }, user, device);
    await remember(repositories, { emailKey, network });
    await repositories.audit.add({ kind: 'registered', user: user.user }, device);
    return issued;
  }, context);
}

/** @throws {Refusal} password_refused */
export function refuseUnfit(passwords: Passwords, password: string, email: string): void {
  const problem = passwords.problemOf(password, email);
  if (problem) throw new Refusal({ reason: 'password_refused', facts: { problem, lengthMin: passwords.lengthMin } });
}
