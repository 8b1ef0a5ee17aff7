import type { Device, Repositories, User } from './ports.ts';

/** What a client receives at register, login and refresh. */
export interface IssuedTokens {
  readonly user: { readonly id: bigint; readonly email: string; readonly role: User['role'] };
  readonly sessionID: string;
  readonly accessToken: string;
  /** In seconds. */
  readonly expiresIn: number;
  readonly refreshToken: string;
}

export interface SessionParts {
  readonly repositories: Repositories;
}

/** Starts a session within the caller's transaction. */
export async function startSession(_parts: SessionParts, _user: User, _device: Device): Promise<IssuedTokens> {
  throw new Error('sessions are not there yet');
}
