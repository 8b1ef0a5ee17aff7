import { destination, type Logger, pino } from 'pino';
import pretty from 'pino-pretty';
import { logScope } from 'rpc-kit';

/** JSON lines on standard output, or readable ones in a terminal. Lines of a call carry its request id. */
export function createLogger(service: string, level: string): Logger {
  const options = {
    name: service,
    level,
    // A copy, because pino writes the fields of the line into it.
    mixin: () => ({ ...logScope() }),
    timestamp: createTimestamp(),
    formatters: { level: (label: string) => ({ level: label }), bindings: () => ({ service }) },
    // A last net: nothing logs these on purpose. Paths with wildcards would copy every line before it is written.
    redact: { paths: ['token', 'password', 'authorization'], censor: '***' },
  };
  if (process.stdout.isTTY) return pino(options, pretty({ colorize: true, ignore: 'service' }));
  // A call does not wait for its line to be written; lines that come meanwhile are written together.
  return pino(options, destination({ fd: process.stdout.fd, sync: false }));
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
