import { inspect } from 'node:util';

/** What rpc-kit asks of a logger; one of pino is such a logger. */
export interface Logger {
  debug(fields: object, text: string): void;
  info(fields: object, text: string): void;
  warn(fields: object, text: string): void;
  error(fields: object, text: string): void;
  /** Without it, every level is. */
  isLevelEnabled?(level: string): boolean;
}

/** The logger of a server that was given none: what an operator must see, and nothing of each call. */
export const STDERR_LOGGER: Logger = {
  debug() {},
  info() {},
  warn: (fields, text) => writeLine('warn', fields, text),
  error: (fields, text) => writeLine('error', fields, text),
};

function writeLine(level: string, fields: { readonly err?: unknown }, text: string): void {
  const { err, ...rest } = fields;
  // JSON would leave out the message of an error, its stack and its causes.
  const error = err === undefined ? {} : { err: inspect(err) };
  console.error(JSON.stringify({ level, time: new Date().toISOString(), ...rest, ...error, msg: text }));
}
