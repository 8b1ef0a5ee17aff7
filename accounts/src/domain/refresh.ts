import type { Context, Device, LockedSession, SessionStep, Store } from './ports.ts';
import { Refusal } from './refusal.ts';
import { type IssuedTokens, issueTokens, type SessionUser, type TokenParts } from './start-session.ts';

/**
 * `rotated`: the session moved to its next step. `repeated`: the token before asked for its successor again. `reused`: an
 * older token, so somebody holds a copy, and the session has ended. `refused`: no live session has this token.
 */
export const REFRESH_OUTCOMES = ['rotated', 'repeated', 'reused', 'refused'] as const;
export type RefreshOutcome = (typeof REFRESH_OUTCOMES)[number];

export interface RefreshParts extends TokenParts {
  readonly store: Store;
  /** Called after the commit. */
  readonly onRefresh: (outcome: RefreshOutcome, sessionID: string | undefined) => void;
}

type Refreshed =
  | {
      readonly outcome: 'rotated' | 'repeated';
      readonly user: SessionUser;
      readonly step: SessionStep;
      readonly endsAt: Date;
    }
  | { readonly outcome: 'reused' | 'refused' };

/**
 * Exchanges a refresh token for its successor.
 * @throws {Refusal} session_ended, whatever is wrong with the token
 */
export async function refresh(
  parts: RefreshParts,
  token: string,
  device: Device,
  context: Context,
): Promise<IssuedTokens> {
  const step = parts.refreshTokens.read(token);
  const refreshed = step ? await advance(parts.store, step, device, context) : ({ outcome: 'refused' } as const);
  parts.onRefresh(refreshed.outcome, step?.sessionID);
  if (!('step' in refreshed)) throw new Refusal({ reason: 'session_ended' });
  return issueTokens(parts, refreshed.user, refreshed.step, refreshed.endsAt);
}

/** Answers its outcome instead of throwing, because the end of a session has to commit. */
function advance(store: Store, step: SessionStep, device: Device, context: Context): Promise<Refreshed> {
  const { sessionID } = step;
  return store.transaction(async ({ sessions, audit }) => {
    const session = await sessions.lock(sessionID);
    const outcome = judge(session, step.counter);
    if (!session || outcome === 'refused') return { outcome: 'refused' };
    if (outcome === 'reused') {
      await audit.add({ kind: 'token reused', user: session.user.user }, device);
      await sessions.end(sessionID, 'reused');
      return { outcome };
    }
    if (outcome === 'rotated') await sessions.rotate(sessionID, device);
    const counter = outcome === 'rotated' ? session.counter + 1 : session.counter;
    return { outcome, user: session.user, step: { sessionID, counter }, endsAt: session.endsAt };
  }, context);
}

function judge(session: LockedSession | undefined, counter: number): RefreshOutcome {
  if (!session?.isLive) return 'refused';
  if (counter === session.counter) return 'rotated';
  if (counter === session.counter - 1 && session.isInGrace) return 'repeated';
  return 'reused';
}
