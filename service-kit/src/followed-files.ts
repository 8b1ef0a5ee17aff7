import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import { ConfigError } from './config.ts';

/** A value that is read from files and replaced when they change. */
export interface FollowedFiles<T> extends Disposable {
  /** The same object until the files change. */
  readonly current: T;
}

export interface FollowedFilesOptions<N extends string, T> {
  /** Paths by the name of the variable that each comes from. */
  readonly files: Readonly<Record<N, string>>;
  /** @throws for texts that are wrong, with a message that names the variable */
  readonly parse: (texts: Readonly<Record<N, string>>) => T;
  readonly logger: Logger;
}

/**
 * How often the files are read. Watchers of the file system miss files that are replaced through symbolic links, as Kubernetes does;
 * reading a few kilobytes a second costs next to nothing.
 */
const READ_EVERY_MS = 1_000;

/**
 * Reads files now and each second. Files that are missing or wrong leave the previous value in use, e.g. while several of them are being
 * replaced one by one; each such state is logged once.
 * @throws {ConfigError} when a file cannot be read at the start, and whatever `parse` throws
 */
export function followFiles<N extends string, T>({
  files,
  parse,
  logger,
}: FollowedFilesOptions<N, T>): FollowedFiles<T> {
  const names = Object.keys(files) as N[];
  const read = () => Object.fromEntries(names.map((name) => [name, readText(name, files[name])])) as Record<N, string>;
  let texts = read();
  let current = parse(texts);
  let refused: string | undefined;

  function readAgain(): void {
    try {
      const found = read();
      const isAsBefore = names.every((name) => found[name] === texts[name]);
      if (!isAsBefore) current = parse(found);
      refused = undefined;
      if (isAsBefore) return;
      texts = found;
      logger.info({ variables: names }, 'files changed: their new contents are in use');
    } catch (error) {
      const { message } = error as Error;
      if (message === refused) return;
      refused = message;
      logger.warn(
        { variables: names, err: error },
        'files changed and cannot be used: their previous contents stay in use',
      );
    }
  }

  const timer = setInterval(readAgain, READ_EVERY_MS);
  // Following files alone must not keep a process alive.
  timer.unref();
  return {
    get current() {
      return current;
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}

function readText(variable: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigError(`${variable} cannot be read: ${(error as Error).message}`);
  }
}
