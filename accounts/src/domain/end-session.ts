import type { Context, Store } from './ports.ts';
import { Refusal } from './refusal.ts';
import type { RefreshTokens } from './token-ports.ts';

/** Ends the session of the token. Nothing tells the caller whether there was one (RFC 7009, section 2.2). */
export async function logout(
  { store, refreshTokens }: { readonly store: Store; readonly refreshTokens: RefreshTokens },
  token: string,
  context: Context,
): Promise<void> {
  const step = refreshTokens.read(token);
  if (step) await store.transaction(({ sessions }) => sessions.end(step.sessionID, 'logout'), context);
}

/** @throws {Refusal} session_not_found for another user's session, as for an unknown one */
export async function endSession(store: Store, user: bigint, sessionID: string, context: Context): Promise<void> {
  await store.transaction(async ({ sessions }) => {
    const isEnded = await sessions.end(sessionID, 'logout', user);
    if (!isEnded && !(await sessions.has(user, sessionID))) throw new Refusal({ reason: 'session_not_found' });
  }, context);
}

/** Ends the sessions of the user, but for one. @returns how many ended */
export function endSessions(store: Store, user: bigint, except: string | undefined, context: Context): Promise<number> {
  return store.transaction(({ sessions }) => sessions.endAll(user, 'logout', except), context);
}
