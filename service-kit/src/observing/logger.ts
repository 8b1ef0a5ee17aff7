import { type Logger, pino, stdSerializers } from 'pino';
import pretty from 'pino-pretty';
import { logScope } from 'rpc-kit';
import { hideUrlSecrets } from 'rpc-kit/urls';
import { openLogPages } from './log-pages.ts';

/** JSON lines on standard output, or readable ones in a terminal. Lines of a call carry its request id. */
export function createLogger(service: string, level: string): Logger {
  const options = {
    name: service,
    level,
    // A copy, because pino writes the fields of the line into it.
    mixin: () => ({ ...logScope() }),
    timestamp: createTimestamp(),
    serializers: { err: toLoggedError },
    formatters: { level: (label: string) => ({ level: label }), bindings: () => ({ service }) },
    // A last net: nothing logs these on purpose. Paths with wildcards would copy every line before it is written.
    redact: { paths: ['token', 'password', 'authorization'], censor: '***' },
  };
  const lines = process.stdout.isTTY ? pretty({ colorize: true, ignore: 'service' }) : openLogPages(process.stdout.fd);
  // Errors of libraries quote URLs in messages, stacks and fields of their own.
  return pino(options, { write: (line) => void lines.write(hideUrlSecrets(line)) });
}

/** Errors of the web platform, such as a timeout's, have two dozen constants that would all be in the line. */
export function toLoggedError(error: Error) {
  if (!(error instanceof DOMException)) return stdSerializers.err(error);
  const { name, message, stack, cause } = error;
  return stdSerializers.err(Object.assign(new Error(message, { cause }), { name, stack }));
}

/** ISO 8601, written out once a millisecond: at thousands of lines a second that is most of what a line costs. */
function createTimestamp(): () => string {
  let writtenAt = Number.NaN;
  let written = '';
  return () => {
    const now = Date.now();
    if (now !== writtenAt) {
      writtenAt = now;
      written = `,"time":"${new Date(now).toISOString()}"`;
    }
    return written;
  };
}
