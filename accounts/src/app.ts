import { implement, type Service } from 'rpc-kit';
import { type ServingParts, serviceOptions } from 'service-kit';
import { accounts } from '../contract.ts';
import { createHandlers, type HandlerParts } from './handler/handlers.ts';

export interface Parts extends ServingParts, HandlerParts {}

export interface App extends AsyncDisposable {
  readonly service: Service<typeof accounts.methods>;
}

/** Puts the parts together. Disposing stops the background work. */
export function createApp(parts: Parts): App {
  const service = implement(accounts, createHandlers(parts), serviceOptions(parts));
  return { service, async [Symbol.asyncDispose]() {} };
}
