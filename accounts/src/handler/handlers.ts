import { type Handlers, RpcError } from 'rpc-kit';
import { answerRefusals } from 'service-kit';
import { accounts } from '../../contract.ts';
import type { Passwords, Store, UserReader } from '../domain/ports.ts';

export interface HandlerParts {
  readonly store: Store;
  readonly users: UserReader;
  readonly passwords: Passwords;
}

export function createHandlers(_parts: HandlerParts): Handlers<typeof accounts.methods> {
  const missing = async (): Promise<never> => {
    throw new RpcError('unimplemented', 'The method is not there yet');
  };
  const handlers: Handlers<typeof accounts.methods> = {
    register: missing,
    login: missing,
    changePassword: missing,
    getUser: missing,
    listUsers: missing,
    setRole: missing,
    disableUser: missing,
    refresh: missing,
    logout: missing,
    listSessions: missing,
    endSession: missing,
    endSessions: missing,
    jwks: missing,
    revokedSince: missing,
    leaseTokens: missing,
  };
  return answerRefusals(accounts, handlers);
}
