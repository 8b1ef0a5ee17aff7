import { type Logger, pino, stdSerializers } from 'pino';
import pretty from 'pino-pretty';
import { logScope } from 'rpc-kit';
import { hideUrlSecrets } from 'rpc-kit/urls';
import { openLogPages } from './log-pages.ts';

/** JSON lines on standard output, or coloured text in a terminal. Lines of a call carry its request id. */
export function createLogger(service: string, level: string): Logger {
  const options = {
    name: service,
    level,
    mixin: logScope,
    timestamp: createTimestamp(),
    serializers: { err: toLoggedError },
    formatters: { level: (label: string) => ({ level: label }), bindings: () => ({ service }) },
    // A safety net: nothing logs these on purpose. Wildcard paths would copy every line.
    redact: { paths: ['token', 'password', 'authorization'], censor: '***' },
  };
  const lines = process.stdout.isTTY ? pretty({ colorize: true, ignore: 'service' }) : openLogPages(process.stdout.fd);
  // Errors of libraries quote URLs, with passwords, in messages, stacks and fields.
  return pino(options, { write: (line) => void lines.write(hideUrlSecrets(line)) });
}

/** A DOMException, such as a timeout, would put two dozen constants into the line. */
export function toLoggedError(error: Error) {
  if (!(error instanceof DOMException)) return stdSerializers.err(error);
  const { name, message, stack, cause } = error;
  return stdSerializers.err(Object.assign(new Error(message, { cause }), { name, stack }));
}

/** ISO 8601, formatted once a millisecond: at thousands of lines a second, formatting dominates the cost of a line. */
function createTimestamp(): () => string {
  let formattedAt = Number.NaN;
  let formatted = '';
  return () => {
    const now = Date.now();
    if (now !== formattedAt) {
      formattedAt = now;
      formatted = `,"time":"${new Date(now).toISOString()}"`;
    }
    return formatted;
  };
}
