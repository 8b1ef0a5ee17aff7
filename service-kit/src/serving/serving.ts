import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { type ConcurrencyLimit, fixedLimit, type ImplementOptions, type Interceptor, shedLoad } from 'rpc-kit';
import { serverLogging } from 'rpc-kit/logging';
import { serverMetrics, sheddingMetrics } from 'rpc-kit/metrics';
import { serverTracing } from 'rpc-kit/tracing';
import { databaseErrors } from '../database/database-errors.ts';
import { checkCallers } from '../identity/check-callers.ts';
import type { Identity } from '../identity/identity.ts';
import { journalOperations, type OperationJournal } from './operation-journal.ts';

export interface ServingParts {
  readonly logger: Logger;
  readonly registry: Registry;
  /** Limit of calls in flight, the same object as `admission` of `serveHttp`. Default: practically unlimited. */
  readonly limit?: ConcurrencyLimit;
  /** Checks the callers. Unset: every caller is admitted without proof. */
  readonly identity?: Identity;
  /** What the environment turns on: METHOD_LIMITS, FAULTS. */
  readonly configured?: readonly Interceptor[];
  /** Records calls that change data. */
  readonly journal?: OperationJournal;
}

/** Beyond any load of a test, so it only stops a runaway caller. */
const CALLS_MAX = 10_000;

/** The interceptors of every service: the outermost sees every call, the innermost only admitted calls. */
export function serviceOptions({
  logger,
  registry,
  identity,
  limit = fixedLimit(CALLS_MAX),
  configured = [],
  journal,
}: ServingParts): ImplementOptions {
  const journaling = journal ? [journalOperations(journal)] : [];
  return {
    interceptors: [
      serverTracing(),
      serverMetrics(registry),
      serverLogging(logger),
      // Metrics and logs count refusals too; journal, validation and the limit of calls do no work for them.
      ...(identity ? checkCallers(identity, logger, registry) : []),
      // The journal has what was executed, also where the answer was dropped.
      ...configured,
      ...journaling,
      shedLoad(limit, sheddingMetrics(registry, limit)),
      databaseErrors(),
    ],
    onDeferred: {
      failed: ({ call, error }) => logger.error({ request_id: call.requestId, err: error }, 'a deferred task failed'),
      dropped: ({ call }) =>
        logger.warn({ request_id: call.requestId }, 'a deferred task was dropped: too many are in flight'),
    },
  };
}
