import { destination, type Logger, pino, stdTimeFunctions } from 'pino';
import pretty from 'pino-pretty';
import { logScope } from 'rpc-kit';

/** JSON lines on standard output, or readable ones in a terminal. Lines of a call carry its request id. */
export function createLogger(service: string, level: string): Logger {
  const options = {
    name: service,
    level,
    // A copy, because pino writes the fields of the line into it.
    mixin: () => ({ ...logScope() }),
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }), bindings: () => ({ service }) },
    // A last net: nothing logs these on purpose. Paths with wildcards would copy every line before it is written.
    redact: { paths: ['token', 'password', 'authorization'], censor: '***' },
  };
  if (process.stdout.isTTY) return pino(options, pretty({ colorize: true, ignore: 'service' }));
  // A call does not wait for its line to be written; lines that come meanwhile are written together.
  return pino(options, destination({ fd: process.stdout.fd, sync: false }));
}
