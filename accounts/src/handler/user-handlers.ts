import { type Handlers, int64 } from 'rpc-kit';
import { createPages, toNetwork } from 'service-kit';
import type { accounts } from '../../contract.ts';
import { changePassword } from '../domain/change-password.ts';
import { type LoginParts, login } from '../domain/login.ts';
import { disableUser, setRole } from '../domain/manage-users.ts';
import type { Device, User } from '../domain/ports.ts';
import { Refusal } from '../domain/refusal.ts';
import { register } from '../domain/register.ts';

type UserMethods = 'register' | 'login' | 'changePassword' | 'getUser' | 'listUsers' | 'setRole' | 'disableUser';

export type UserHandlerParts = LoginParts;

const pages = createPages({ user: int64 });

export function createUserHandlers(parts: UserHandlerParts): Pick<Handlers<typeof accounts.methods>, UserMethods> {
  const { store, users } = parts;
  return {
    register: ({ email, password, device }, call) => register(parts, { email, password, ...locate(device) }, call),

    login: ({ email, password, device }, call) => login(parts, { email, password, ...locate(device) }, call),

    async changePassword({ device, ...change }, call) {
      await changePassword(parts, { ...change, ...locate(device) }, call);
      return {};
    },

    async getUser({ user }, call) {
      const found = await users.find(user, call);
      if (!found) throw new Refusal({ reason: 'user_not_found', facts: { user } });
      return toAccount(found);
    },

    async listUsers({ limit, cursor }, call) {
      const found = await users.list(limit + 1, pages.after(cursor)?.user, call);
      const { items, nextCursor } = pages.cut(found, limit);
      return { users: items.map(toAccount), nextCursor };
    },

    setRole: async ({ user, role, actor }, call) => toAccount(await setRole(store, { user, role, actor }, call)),

    disableUser: async ({ user, actor }, call) => toAccount(await disableUser(store, { user, actor }, call)),
  };
}

/** An address of the device that is unknown counts nowhere. */
function locate(device: Device = {}): { device: Device; network: string | undefined } {
  return { device, network: device.address === undefined ? undefined : toNetwork(device.address) };
}

function toAccount({ user, email, role, createdAt, disabled }: User) {
  return { user, email, role, createdAt, disabled };
}
