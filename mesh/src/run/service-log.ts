import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import pretty from 'pino-pretty';
import { SERVICES, type ServiceName } from '../services.ts';
import { openLogFile } from '../supervisor/log-files.ts';

const NAME_WIDTH = Math.max(...SERVICES.map(({ length }) => length));
const COLOURS: Record<ServiceName, number> = { products: 36, notifications: 35, loms: 33, checkout: 32 };
const inColour = process.stdout.isTTY === true && process.env.NO_COLOR === undefined;

const format = pretty.prettyFactory({
  colorize: inColour,
  singleLine: true,
  ignore: 'service,pid,hostname',
  translateTime: 'SYS:HH:MM:ss.l',
});

export type ServiceLog = {
  file: string;
  /** Settles when all that the service has said is in the file. */
  drained: Promise<void>;
  /** The last line that is no log entry: what a service says when it cannot run. */
  lastWords(): string | undefined;
};

/** A service's output goes into its file as it is, and into the terminal readable and with the service's name before it. */
export function openServiceLog(directory: string, name: ServiceName, outputs: (Readable | null)[]): ServiceLog {
  const file = openLogFile(directory, name);
  const sink = createWriteStream(file);
  // A full disk must not end the mesh: the terminal still shows what the file cannot hold.
  sink.on('error', () => {});
  const prefix = name.padEnd(NAME_WIDTH);
  const shownPrefix = inColour ? `\u001b[${COLOURS[name]}m${prefix}\u001b[0m │ ` : `${prefix} │ `;
  let lastWords: string | undefined;
  const ends = outputs
    .filter((output) => output !== null)
    .map((output) => {
      const lines = createInterface({ input: output, crlfDelay: Number.POSITIVE_INFINITY });
      lines.on('line', (line) => {
        sink.write(`${line}\n`);
        if (line === '') return;
        if (!isEntry(line)) lastWords = line;
        process.stdout.write(`${shownPrefix}${readable(line)}\n`);
      });
      return once(lines, 'close');
    });
  const drained = Promise.all(ends).then(() => new Promise<void>((resolve) => sink.end(() => resolve())));
  return { file, drained, lastWords: () => lastWords };
}

/** A line that is no JSON, such as the last words of a crash, is shown as it is. */
function readable(line: string): string {
  return isEntry(line) ? format(line).trimEnd() : line;
}

function isEntry(line: string): boolean {
  return line.startsWith('{');
}
