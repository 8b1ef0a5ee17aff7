import { succeed } from './attempts.ts';
import { type CheckParts, checkPassword, lockChecked } from './check-password.ts';
import { toEmailKey } from './email.ts';
import type { Context, Device, UserReader } from './ports.ts';
import { Refusal } from './refusal.ts';
import { refuseUnfit } from './register.ts';

export interface PasswordChange {
  readonly user: bigint;
  /** The session that stays. */
  readonly sessionID: string;
  readonly current: string;
  readonly new: string;
  readonly device: Device;
  readonly network: string | undefined;
}

/**
 * Sets a new password and ends the user's other sessions. A wrong current password counts as a failed login.
 * @throws {Refusal} user_not_found, invalid_credentials, too_many_attempts, password_refused
 */
export async function changePassword(
  parts: CheckParts & { readonly users: UserReader },
  change: PasswordChange,
  context: Context,
): Promise<void> {
  const { user, sessionID, device, network } = change;
  using place = parts.passwords.enter();
  const found = await parts.users.find(user, context);
  if (!found) throw new Refusal({ reason: 'user_not_found', facts: { user } });
  const given = { emailKey: toEmailKey(found.email), network, password: change.current, device };
  const { reservation } = await checkPassword(parts, place, found, given, context);
  // The current password was right, whatever is wrong with the new one.
  await parts.store.transaction((repositories) => succeed(repositories, parts.limits, reservation), context);
  refuseUnfit(parts.passwords, change.new, found.email);
  const passwordHash = await place.hash(change.new, context);
  await parts.store.transaction(async (repositories) => {
    await lockChecked(repositories.users, found);
    await repositories.users.setPasswordHash(user, passwordHash, true);
    await repositories.sessions.endAll(user, 'password changed', sessionID);
    await repositories.audit.add({ kind: 'password changed', user }, device);
  }, context);
}
