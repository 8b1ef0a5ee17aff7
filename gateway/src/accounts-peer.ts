import { accounts } from 'accounts/contract.ts';
import { fixedLimit } from 'rpc-kit';
import { openPeer, type Peer, type PeerOptions } from 'service-kit';

/**
 * Its calls of low priority may fill 14: two more than wait in one accounts at most, and enough to keep seven of them busy.
 * In this process they wait for nothing, so a flood of logins costs neither memory nor deadlines.
 */
const PASSWORD_LIMIT = 20;

/**
 * Three peers of one service, as bulkheads: each has connections and circuit breakers of its own.
 * - Calls that hash wait for each other. They must not take the connections of other calls, nor open their breakers.
 * - leaseTokens gives up early, and limits of requests do without it. It is not retried, and its failures close nothing else.
 */
export function openAccounts(options: PeerOptions): Peer<typeof accounts.methods> {
  const others = openPeer(accounts, options);
  const passwords = openPeer(accounts, {
    ...options,
    name: 'accounts-passwords',
    limit: fixedLimit(PASSWORD_LIMIT),
  });
  const leases = openPeer(accounts, { ...options, name: 'accounts-leases', retries: false });
  const { register, login, changePassword } = passwords.client;
  const { leaseTokens } = leases.client;
  return {
    client: { ...others.client, register, login, changePassword, leaseTokens },
    async [Symbol.asyncDispose]() {
      await Promise.all([others, passwords, leases].map((peer) => peer[Symbol.asyncDispose]()));
    },
  };
}
