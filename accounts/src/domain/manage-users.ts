import type { Context, Repositories, Role, Store, User } from './ports.ts';
import { Refusal } from './refusal.ts';

/**
 * Changes the role and ends the user's sessions. A user who has the role already keeps the sessions.
 * @param actor the admin who acts; `undefined`: `make admin`
 * @throws {Refusal} user_not_found, last_admin
 */
export function setRole(
  store: Store,
  { user, role, actor }: { user: bigint; role: Role; actor: bigint | undefined },
  context: Context,
): Promise<User> {
  return store.transaction(async (repositories) => {
    const found =
      role === 'admin' ? known(await repositories.users.lock(user), user) : await lockDispensable(repositories, user);
    if (found.role === role) return found;
    await repositories.users.setRole(user, role);
    await repositories.sessions.endAll(user, 'role changed');
    await repositories.audit.add({ kind: 'role changed', user, actor, role });
    return { ...found, role };
  }, context);
}

/**
 * Disables the account and ends the user's sessions. Disabling a disabled account changes nothing.
 * @throws {Refusal} user_not_found, last_admin
 */
export function disableUser(
  store: Store,
  { user, actor }: { user: bigint; actor: bigint },
  context: Context,
): Promise<User> {
  return store.transaction(async (repositories) => {
    const found = await lockDispensable(repositories, user);
    if (found.disabled) return found;
    await repositories.users.disable(user);
    await repositories.sessions.endAll(user, 'disabled');
    await repositories.audit.add({ kind: 'disabled', user, actor });
    return { ...found, disabled: true };
  }, context);
}

/** @throws {Refusal} user_not_found */
function known(found: User | undefined, user: bigint): User {
  if (!found) throw new Refusal({ reason: 'user_not_found', facts: { user } });
  return found;
}

const isAdmin = ({ role, disabled }: User): boolean => role === 'admin' && !disabled;

/** Locks all admins with the user: of two admins who disable each other, the second finds that it would be the last one. */
async function lockDispensable({ users }: Repositories, user: bigint): Promise<User> {
  const locked = await users.lockWithAdmins(user);
  const found = known(
    locked.find((each) => each.user === user),
    user,
  );
  if (isAdmin(found) && locked.filter(isAdmin).length === 1) throw new Refusal({ reason: 'last_admin' });
  return found;
}
