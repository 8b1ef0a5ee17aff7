import { parseEmail } from './email.ts';
import { setRole } from './manage-users.ts';
import type { Context, Passwords, Store, User, UserReader } from './ports.ts';

export interface AdminParts {
  readonly store: Store;
  readonly users: UserReader;
  readonly passwords: Pick<Passwords, 'enter'>;
}

export interface MadeAdmin {
  readonly outcome: 'created' | 'role changed' | 'was admin' | 'is disabled';
  /** Its address may have another spelling than the given one. */
  readonly account: User;
}

/**
 * Makes the account of the address an admin, and ends its sessions. Where there is none, creates it.
 * @param password of an account that is created
 * @throws {Refusal} email_invalid
 */
export async function makeAdmin(
  { store, users, passwords }: AdminParts,
  { email: text, password }: { email: string; password: string },
  context: Context,
): Promise<MadeAdmin> {
  const { email, emailKey } = parseEmail(text);
  const found = await users.findByEmailKey(emailKey, context);
  if (found) {
    if (found.disabled) return { outcome: 'is disabled', account: found };
    if (found.role === 'admin') return { outcome: 'was admin', account: found };
    const account = await setRole(store, { user: found.user, role: 'admin', actor: undefined }, context);
    return { outcome: 'role changed', account };
  }
  using place = passwords.enter();
  const passwordHash = await place.hash(password, context);
  return store.transaction(async (repositories) => {
    const user = await repositories.users.create({ email, emailKey, passwordHash, role: 'admin' });
    if (!user)
      throw new Error(`An account with the address ${email} was created at the same time: run make admin again`);
    await repositories.audit.add({ kind: 'registered', user: user.user });
    await repositories.audit.add({ kind: 'role changed', user: user.user, actor: undefined, role: 'admin' });
    return { outcome: 'created', account: user };
  }, context);
}
