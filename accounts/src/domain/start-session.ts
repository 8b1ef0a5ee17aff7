import type { Device, Repositories, SessionStep, User } from './ports.ts';
import type { AccessTokens, RefreshTokens } from './token-ports.ts';

/** What a client receives at register, login and refresh. */
export interface IssuedTokens {
  readonly user: { readonly id: bigint; readonly email: string; readonly role: User['role'] };
  readonly sessionID: string;
  readonly accessToken: string;
  /** In seconds. */
  readonly expiresIn: number;
  readonly refreshToken: string;
}

export interface TokenParts {
  readonly accessTokens: AccessTokens;
  readonly refreshTokens: RefreshTokens;
}

export interface SessionParts extends TokenParts {
  readonly repositories: Pick<Repositories, 'sessions'>;
}

export type SessionUser = Pick<User, 'user' | 'email' | 'role'>;

/** Starts a session within the caller's transaction, which has locked the user. */
export async function startSession(parts: SessionParts, user: SessionUser, device: Device): Promise<IssuedTokens> {
  const step = await parts.repositories.sessions.start(user.user, device);
  return issueTokens(parts, user, step);
}

export async function issueTokens(
  { accessTokens, refreshTokens }: TokenParts,
  { user, email, role }: SessionUser,
  step: SessionStep,
  endsAt?: Date,
): Promise<IssuedTokens> {
  const { sessionID } = step;
  return {
    user: { id: user, email, role },
    sessionID,
    ...(await accessTokens.sign({ user, role, sessionID, endsAt })),
    refreshToken: refreshTokens.mint(step),
  };
}
