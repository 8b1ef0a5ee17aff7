import { Counter, type Registry } from 'prom-client';
import { type Handlers, RpcError } from 'rpc-kit';
import type { accounts } from '../contract.ts';

type AccountHandlers = Handlers<typeof accounts.methods>;

const OUTCOMES = ['succeeded', 'refused', 'delayed', 'failed'] as const;

/** Wraps the handlers: `registrations_total` counts new accounts, `logins_total{outcome}` every login. */
export function countLogins(registry: Registry, handlers: AccountHandlers): AccountHandlers {
  const registrations = new Counter({ name: 'registrations_total', help: 'Accounts created.', registers: [registry] });
  const logins = new Counter({
    name: 'logins_total',
    help: 'Logins, by outcome: succeeded, refused (wrong e-mail address or password, or disabled), delayed (too many attempts), failed.',
    labelNames: ['outcome'],
    registers: [registry],
  });
  // A rate needs a first value, so every series begins at 0.
  for (const outcome of OUTCOMES) logins.inc({ outcome }, 0);
  return {
    ...handlers,
    async register(params, call) {
      const tokens = await handlers.register(params, call);
      registrations.inc();
      return tokens;
    },
    async login(params, call) {
      try {
        const tokens = await handlers.login(params, call);
        logins.inc({ outcome: 'succeeded' });
        return tokens;
      } catch (error) {
        logins.inc({ outcome: outcomeOf(error) });
        throw error;
      }
    },
  };
}

function outcomeOf(error: unknown): (typeof OUTCOMES)[number] {
  const reason = error instanceof RpcError ? error.reason : undefined;
  if (reason === 'invalid_credentials') return 'refused';
  return reason === 'too_many_attempts' ? 'delayed' : 'failed';
}
