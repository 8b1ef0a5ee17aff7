import { type Handlers, type MethodContract, type Methods, resultSchemaOf, streamOf } from 'rpc-kit';
import { z } from 'zod';
import { SERVICES } from '../src/services.ts';
import type { Fakes } from './fake-services.ts';

export interface ExampleServices {
  readonly fakes: Fakes;
  /** One method answers otherwise, until the next call of this function. */
  replace(method?: MethodContract, act?: () => unknown): void;
}

/** Services that answer each call with the example of its contract. */
export function exampleServices(): ExampleServices {
  let replaced: { readonly method: MethodContract | undefined; readonly act: () => unknown } | undefined;

  function handlersOf(methods: Methods): Handlers<Methods> {
    const handlers = Object.entries(methods).map(([name, method]) => {
      const answer = async () =>
        replaced?.method === method ? replaced.act() : z.decode(resultSchemaOf(method), method.example.result);
      const stream = async function* () {
        yield await answer();
      };
      return [name, streamOf(method) ? stream : answer];
    });
    return Object.fromEntries(handlers);
  }

  const { accounts, checkout, loms, products, notifications } = SERVICES;
  const { leaseTokens: _fixture, ...ofAccounts } = handlersOf(accounts.methods);
  return {
    fakes: {
      accounts: ofAccounts,
      checkout: handlersOf(checkout.methods),
      loms: handlersOf(loms.methods),
      products: handlersOf(products.methods),
      notifications: handlersOf(notifications.methods),
    } as Fakes,
    replace(method, act = () => ({})) {
      replaced = { method, act };
    },
  };
}
