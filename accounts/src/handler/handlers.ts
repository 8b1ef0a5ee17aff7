import { type Handlers, RpcError } from 'rpc-kit';
import { answerRefusals } from 'service-kit';
import { accounts } from '../../contract.ts';
import type { Passwords, UserReader } from '../domain/ports.ts';
import { createSessionHandlers, type SessionHandlerParts } from './session-handlers.ts';

export interface HandlerParts extends SessionHandlerParts {
  readonly users: UserReader;
  readonly passwords: Passwords;
}

export function createHandlers(parts: HandlerParts): Handlers<typeof accounts.methods> {
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
    ...createSessionHandlers(parts),
  };
  return answerRefusals(accounts, handlers);
}
