import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import pretty from 'pino-pretty';
import { type PerService, SERVICES, type ServiceName } from '../services.ts';
import { openLogFile } from '../supervisor/log-files.ts';

const NAME_WIDTH = Math.max(...SERVICES.map(({ length }) => length));
const COLOURS: PerService<number> = {
  products: 36,
  accounts: 34,
  notifications: 35,
  loms: 33,
  checkout: 32,
  gateway: 96,
};
const inColour = process.stdout.isTTY === true && process.env.NO_COLOR === undefined;

const format = pretty.prettyFactory({
  colorize: inColour,
  singleLine: true,
  ignore: 'service,pid,hostname',
  translateTime: 'SYS:HH:MM:ss.l',
});

export type ServiceLog = {
  file: string;
  /** Settles when the service's whole output is in the file. */
  drained: Promise<void>;
  /** The last line that is no log entry: the reason why a service cannot run. */
  lastWords(): string | undefined;
};

/** Writes a service's output unchanged into its file, and formatted and with the service's name into the terminal. */
export function openServiceLog(directory: string, name: ServiceName, streams: (Readable | null)[]): ServiceLog {
  const file = openLogFile(directory, name);
  const output = createWriteStream(file);
  // A full disk must not end the mesh: the terminal still shows the output.
  output.on('error', () => {});
  const prefix = name.padEnd(NAME_WIDTH);
  const shownPrefix = inColour ? `\u001b[${COLOURS[name]}m${prefix}\u001b[0m │ ` : `${prefix} │ `;
  let lastWords: string | undefined;
  const ends = streams
    .filter((stream) => stream !== null)
    .map((input) => {
      const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
      lines.on('line', (line) => {
        output.write(`${line}\n`);
        if (line === '') return;
        if (!isEntry(line)) lastWords = line;
        process.stdout.write(`${shownPrefix}${readable(line)}\n`);
      });
      return once(lines, 'close');
    });
  const drained = Promise.all(ends).then(() => new Promise<void>((resolve) => output.end(() => resolve())));
  return { file, drained, lastWords: () => lastWords };
}

/** A line that is no JSON, such as the message of a crash, is shown unchanged. */
function readable(line: string): string {
  return isEntry(line) ? format(line).trimEnd() : line;
}

function isEntry(line: string): boolean {
  return line.startsWith('{');
}
