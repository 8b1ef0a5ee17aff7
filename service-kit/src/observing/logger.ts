import { type Logger, pino, stdSerializers } from 'pino';
import pretty from 'pino-pretty';
import { CallLine, logScope } from 'rpc-kit/logging';
import { hideUrlSecrets } from 'rpc-kit/urls';
import { createCallLineWriter } from './call-lines.ts';
import { openLogPages } from './log-pages.ts';

const { info: INFO } = pino.levels.values;

/** JSON lines on standard output, or coloured text in a terminal. Lines of a call carry its request id. */
export function createLogger(service: string, level: string): Logger {
  const lines = process.stdout.isTTY ? pretty({ colorize: true, ignore: 'service' }) : openLogPages(process.stdout.fd);
  return createLineLogger(service, level, (line) => void lines.write(line), createTimestamp());
}

/** @param timestamp the time of a line, as pino's option of that name */
export function createLineLogger(
  service: string,
  level: string,
  write: (line: string) => void,
  timestamp: () => string,
): Logger {
  const writeCallLine = createCallLineWriter(service, timestamp, write);
  const logger: Logger = pino(
    {
      name: service,
      level,
      timestamp,
      mixin: logScope,
      serializers: { err: toLoggedError },
      formatters: { level: (label: string) => ({ level: label }), bindings: () => ({ service }) },
      // A safety net: nothing logs these on purpose. Wildcard paths would copy every line.
      redact: { paths: ['token', 'password', 'authorization'], censor: '***' },
      hooks: {
        logMethod(args, log, number) {
          const [line] = args as unknown[];
          const scope = line instanceof CallLine && number === INFO && this === logger ? line.scope : undefined;
          if (scope) writeCallLine(line as CallLine, scope);
          else log.apply(this, args);
        },
      },
    },
    // Errors of libraries quote URLs, with passwords, in messages, stacks and fields.
    { write: (line) => write(hideUrlSecrets(line)) },
  );
  return logger;
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
