/**
 * Log lines of calls, with pino or another logger.
 *
 * @module
 */

export { CallLine } from './telemetry/call-line.ts';
export type { CallLogFields, LogFields } from './telemetry/log-fields.ts';
export { logScope, runInLogScope } from './telemetry/log-scope.ts';
export type { Logger } from './telemetry/logger.ts';
export { clientLogging, serverLogging } from './telemetry/logging.ts';
