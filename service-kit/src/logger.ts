import { type Logger, pino, stdTimeFunctions } from 'pino';
import pretty from 'pino-pretty';
import { logScope } from 'rpc-kit';

/** JSON lines on standard output, or readable ones in a terminal. Lines of a call carry its request id. */
export function createLogger(service: string, level: string): Logger {
  const options = {
    name: service,
    level,
    mixin: () => ({ ...logScope() }),
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }), bindings: () => ({ service }) },
    // A last net: nothing logs these on purpose.
    redact: {
      paths: ['*.token', '*.password', '*.authorization', 'token', 'password', 'authorization'],
      censor: '***',
    },
  };
  return process.stdout.isTTY ? pino(options, pretty({ colorize: true, ignore: 'service' })) : pino(options);
}
