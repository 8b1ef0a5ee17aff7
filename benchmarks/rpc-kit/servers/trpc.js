import { initTRPC } from '@trpc/server';
import { createHTTPServer } from '@trpc/server/adapters/standalone';
import { listen } from '../../harness/json-server.ts';
import { handlers, schemas } from '../work.ts';

/** tRPC with its standalone adapter; zod checks input and output. */
export function start() {
  const t = initTRPC.create();
  const procedure = (name) =>
    t.procedure
      .input(schemas[name].params)
      .output(schemas[name].result)
      .mutation(({ input }) => handlers[name](input));
  const router = t.router({ createOrder: procedure('createOrder'), stocks: procedure('stocks') });
  return listen(createHTTPServer({ router }));
}
