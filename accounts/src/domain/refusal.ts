import type { PasswordProblem } from './ports.ts';

/** Why a call is refused, and the facts: the contract's errors. */
export type Refused =
  | { readonly reason: 'email_taken' | 'email_invalid' | 'invalid_credentials' | 'last_admin' | 'session_ended' }
  | { readonly reason: 'session_not_found' }
  | { readonly reason: 'user_not_found'; readonly facts: { readonly user: bigint } }
  | { readonly reason: 'too_many_attempts'; readonly facts: { readonly retryAfterMs: number } }
  | {
      readonly reason: 'password_refused';
      readonly facts: { readonly problem: PasswordProblem; readonly lengthMin: number };
    };

export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly reason: Refused['reason'];
  readonly facts: unknown;

  constructor(refused: Refused) {
    super(`refused: ${refused.reason}`);
    this.reason = refused.reason;
    this.facts = 'facts' in refused ? refused.facts : undefined;
  }
}

/** Narrows an error to the refusal with this reason. */
export function isRefusal(error: unknown, reason: Refused['reason']): error is Refusal {
  return error instanceof Refusal && error.reason === reason;
}
