import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { type AccessEvents, checkAccess, type Interceptor } from 'rpc-kit';
import { accessMetrics } from 'rpc-kit/metrics';
import type { Identity } from './identity.ts';

/** Checks callers as ACCESS says, and counts the decisions. None with ACCESS=open. */
export function checkCallers(
  { access, identify }: Identity,
  logger: Logger,
  registry: Registry,
): readonly Interceptor[] {
  if (access === 'open' || !identify) return [];
  const { decided: count } = accessMetrics(registry);
  if (access === 'enforce') return [checkAccess({ mode: access, identify, on: { decided: count } })];
  const log = logRefusals(logger);
  const decided: AccessEvents['decided'] = (event) => {
    count(event);
    log(event);
  };
  return [checkAccess({ mode: access, identify, on: { decided } })];
}

/** A line for each method and caller at most so often: at full speed, one for each call would cost more than the calls. */
const LOGGED_EVERY_MS = 60_000;

/** Logs the calls that ACCESS=enforce would refuse. Methods and proven callers are finite, so the memory is too. */
function logRefusals(logger: Logger): AccessEvents['decided'] {
  const loggedAt = new Map<string, number>();
  return ({ call, service, decision }) => {
    if (decision === 'allowed') return;
    const method = call.contract ? call.method : 'unknown';
    const subject = `${method} ${service ?? ''}`;
    const now = performance.now();
    if (now - (loggedAt.get(subject) ?? Number.NEGATIVE_INFINITY) < LOGGED_EVERY_MS) return;
    loggedAt.set(subject, now);
    const fields = { method, service, caller: call.caller.name, decision };
    logger.warn(fields, 'ACCESS=enforce would refuse this call; further ones are counted and logged once a minute');
  };
}
