import { implement, type Service } from 'rpc-kit';
import { type ServingParts, serviceOptions } from 'service-kit';
import { accounts } from '../contract.ts';
import { startKeyRotation, type Tokens } from './create-tokens.ts';
import { createHandlers, type HandlerParts } from './handler/handlers.ts';
import { countRefreshes } from './session-metrics.ts';
import { countLogins } from './user-metrics.ts';

export interface Parts extends ServingParts, Omit<HandlerParts, 'onRefresh' | 'publishedKeys' | keyof Tokens> {
  readonly tokens: Tokens;
}

export interface App extends AsyncDisposable {
  readonly service: Service<typeof accounts.methods>;
}

/** Puts the parts together. Disposing stops the background work. */
export function createApp(parts: Parts): App {
  const { tokens, logger, registry } = parts;
  const rotation = startKeyRotation(tokens.keys, logger, registry);
  const handlers = createHandlers({
    ...parts,
    ...tokens,
    publishedKeys: tokens.keys.published,
    onRefresh: countRefreshes(registry, logger),
  });
  const service = implement(accounts, countLogins(registry, handlers), serviceOptions(parts));
  return { service, [Symbol.asyncDispose]: () => rotation[Symbol.asyncDispose]() };
}
