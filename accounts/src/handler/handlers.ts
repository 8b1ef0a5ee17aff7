import type { Handlers } from 'rpc-kit';
import { answerRefusals } from 'service-kit';
import { accounts } from '../../contract.ts';
import { createSessionHandlers, type SessionHandlerParts } from './session-handlers.ts';
import { createUserHandlers, type UserHandlerParts } from './user-handlers.ts';

export type HandlerParts = SessionHandlerParts & UserHandlerParts;

export function createHandlers(parts: HandlerParts): Handlers<typeof accounts.methods> {
  return answerRefusals(accounts, { ...createUserHandlers(parts), ...createSessionHandlers(parts) });
}
