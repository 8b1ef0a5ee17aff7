import { accounts } from 'accounts/contract.ts';
import { type ConcurrencyLimit, fixedLimit } from 'rpc-kit';
import { openPeer, type Peer, type PeerOptions } from 'service-kit';

/**
 * Calls that hash have low priority, so they may fill 10: fewer than run and wait in one accounts, which then refuses none, and enough
 * to keep five of them busy. The others are refused by their headers, so a flood of logins costs little.
 */
export const passwordLimit = (): ConcurrencyLimit => fixedLimit(15);

/**
 * Three peers of one service, as bulkheads: each has connections and circuit breakers of its own.
 * - Calls that hash wait for each other. They must not take the connections of other calls, nor open their breakers.
 * - leaseTokens gives up early, and limits of requests do without it. It is not retried, and its failures close nothing else.
 */
export function openAccounts(options: PeerOptions, limit: ConcurrencyLimit): Peer<typeof accounts.methods> {
  const others = openPeer(accounts, options);
  const passwords = openPeer(accounts, { ...options, name: 'accounts-passwords', limit });
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
