import { accounts } from 'accounts/contract.ts';
import { type ConcurrencyLimit, fixedLimit } from 'rpc-kit';
import { openPeer, type Peer, type PeerOptions } from 'service-kit';
import type { AccountsClient } from './auth/account-state.ts';

/**
 * Calls that hash have low priority, so they may fill 10: fewer than run and wait in one accounts, which then refuses none, and enough
 * to keep five of them busy. The others are refused by their headers, so a flood of logins costs little.
 */
export const passwordLimit = (): ConcurrencyLimit => fixedLimit(15);

interface AccountsPeer extends Peer<typeof accounts.methods> {
  /** Reads what access tokens are verified by. */
  readonly news: AccountsClient;
}

/**
 * Four peers of one service, as bulkheads: each has connections of its own, and all but the last have circuit breakers of their own.
 * - Calls that hash wait for each other. They must not take the connections of other calls, nor open their breakers.
 * - leaseTokens gives up early, and limits of requests do without it. It is not retried, and its failures close nothing else.
 * - News has no circuit breaker. Its readings are rare by themselves, and while a breaker is open, every access token may be refused.
 */
export function openAccounts(options: PeerOptions, limit: ConcurrencyLimit): AccountsPeer {
  const others = openPeer(accounts, options);
  const passwords = openPeer(accounts, { ...options, name: 'accounts-passwords', limit });
  const leases = openPeer(accounts, { ...options, name: 'accounts-leases', retries: false });
  const news = openPeer(accounts, { ...options, name: 'accounts-news', breakers: false });
  const { register, login, changePassword } = passwords.client;
  const { leaseTokens } = leases.client;
  return {
    client: { ...others.client, register, login, changePassword, leaseTokens },
    news: news.client,
    async [Symbol.asyncDispose]() {
      await Promise.all([others, passwords, leases, news].map((peer) => peer[Symbol.asyncDispose]()));
    },
  };
}
