import type { Handlers } from 'rpc-kit';
import type { accounts } from '../../contract.ts';
import { endSession, endSessions, logout } from '../domain/end-session.ts';
import type { SessionReader } from '../domain/ports.ts';
import { type RefreshParts, refresh } from '../domain/refresh.ts';
import type { PublicKey, RevocationReader, TokenBuckets } from '../domain/token-ports.ts';

export interface SessionHandlerParts extends RefreshParts {
  readonly sessions: SessionReader;
  readonly publishedKeys: () => Promise<PublicKey[]>;
  readonly revocations: RevocationReader;
  readonly tokenBuckets: TokenBuckets;
}

type SessionMethods =
  | 'refresh'
  | 'logout'
  | 'listSessions'
  | 'endSession'
  | 'endSessions'
  | 'jwks'
  | 'revokedSince'
  | 'leaseTokens';

export function createSessionHandlers(
  parts: SessionHandlerParts,
): Pick<Handlers<typeof accounts.methods>, SessionMethods> {
  return {
    refresh: ({ refreshToken, device = {} }, call) => refresh(parts, refreshToken, device, call),

    async logout({ refreshToken }, call) {
      await logout(parts, refreshToken, call);
      return {};
    },

    async listSessions({ user }, call) {
      return { sessions: await parts.sessions.list(user, call) };
    },

    async endSession({ user, sessionID }, call) {
      await endSession(parts.store, user, sessionID, call);
      return {};
    },

    async endSessions({ user, except }, call) {
      return { ended: await endSessions(parts.store, user, except, call) };
    },

    async jwks() {
      return { keys: await parts.publishedKeys() };
    },

    async revokedSince({ seq }, call) {
      const { revocations, ...rest } = await parts.revocations.since(seq, call);
      return { ...rest, revocations: [...revocations] };
    },

    leaseTokens: (lease, call) => parts.tokenBuckets.lease(lease, call),
  };
}
