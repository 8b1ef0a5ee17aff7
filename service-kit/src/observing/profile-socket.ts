import { once } from 'node:events';
import { chmod, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join, relative, resolve } from 'node:path';
import type { Logger } from 'pino';
import { describeWhole, parseWhole } from 'rpc-kit/whole-number';
import { createFolder } from '../create-folder.ts';
import { isProfileKind, PROFILE_KINDS, profileExtension, takeProfile } from './take-profile.ts';

const SECONDS_FALLBACK = '10';
/** A profile of a minute has the samples of whatever is slow. */
export const PROFILE_SECONDS = { min: 1, max: 60 };
/** A minute of a busy service makes a few megabytes; what is larger would hold the service up while it is written. */
const PROFILE_BYTES_MAX = 64 * 1024 * 1024;
/** Who asks sends one line; nobody else should be able to connect, but a limit costs nothing. */
const CONNECTIONS_MAX = 4;

export interface ProfileSocketOptions {
  readonly service: string;
  /** Where the socket and the profiles are; without it there is no way to take one. */
  readonly directory: string | undefined;
  readonly logger: Logger;
}

/**
 * Where the service of that pid listens for requests for profiles. A socket's path may have about a hundred bytes, so it is
 * told from the working directory where that is shorter.
 */
export function profileSocketPath(directory: string, service: string, pid: number): string {
  const path = join(directory, `${service}-${pid}.sock`);
  const fromHere = relative(process.cwd(), path);
  return fromHere.length < path.length ? fromHere : path;
}

/**
 * Takes profiles of this process for whoever may open its Unix socket, which is whoever it runs as: `POST /cpu?seconds=10`
 * answers with the name of the file. There is no port, and while nobody asks it costs nothing.
 */
export async function serveProfiles({ service, directory, logger }: ProfileSocketOptions): Promise<AsyncDisposable> {
  if (directory === undefined) return { async [Symbol.asyncDispose]() {} };
  const closing = new AbortController();
  let busy = false;
  const server = createServer(async (request, response) => {
    const asked = parseRequest(request);
    if ('refusal' in asked) return answer(response, 400, { error: asked.refusal });
    if (busy) return answer(response, 409, { error: 'a profile is being taken already: ask again when it is done' });
    busy = true;
    try {
      const gone = new AbortController();
      response.once('close', () => gone.abort());
      const { kind, seconds } = asked;
      const profile = await takeProfile(kind, seconds * 1_000, AbortSignal.any([closing.signal, gone.signal]));
      if (Buffer.byteLength(profile) > PROFILE_BYTES_MAX) {
        return answer(response, 500, {
          error: `the profile is larger than ${PROFILE_BYTES_MAX} bytes: ask for less time`,
        });
      }
      const taken = new Date().toISOString().replaceAll(/[:.]/g, '-');
      const file = resolve(directory, `${service}-${process.pid}-${taken}-${kind}.${profileExtension(kind)}`);
      await writeFile(file, profile, { flag: 'wx', mode: 0o600 });
      logger.info({ kind, seconds, file }, 'profile taken');
      answer(response, 200, { file });
    } catch (error) {
      if (!closing.signal.aborted && !response.destroyed) logger.warn({ err: error }, 'no profile could be taken');
      answer(response, 500, { error: `no profile could be taken: ${(error as Error).message}` });
    } finally {
      busy = false;
    }
  });
  server.maxConnections = CONNECTIONS_MAX;
  await listen();
  return {
    async [Symbol.asyncDispose]() {
      closing.abort();
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };

  /** A service that cannot be profiled still serves. */
  async function listen(): Promise<void> {
    const path = profileSocketPath(directory as string, service, process.pid);
    try {
      createFolder(directory as string, 0o700);
      // One of a process that was killed and had the same pid.
      await rm(path, { force: true });
      server.listen(path);
      await once(server, 'listening');
      await chmod(path, 0o600);
    } catch (error) {
      logger.warn(
        { err: error, path },
        'profiles cannot be taken: set PROFILE_DIR to a short path that can be written',
      );
    }
  }
}

type Asked = { kind: (typeof PROFILE_KINDS)[number]; seconds: number } | { refusal: string };

function parseRequest({ method, url = '' }: IncomingMessage): Asked {
  const { pathname, searchParams } = new URL(url, 'http://profile');
  const kind = pathname.slice(1);
  if (method !== 'POST' || !isProfileKind(kind)) return { refusal: `send POST to /${PROFILE_KINDS.join(', /')}` };
  const seconds = parseWhole(searchParams.get('seconds') ?? SECONDS_FALLBACK, PROFILE_SECONDS);
  return seconds === undefined ? { refusal: `seconds has to be ${describeWhole(PROFILE_SECONDS)}` } : { kind, seconds };
}

function answer(response: ServerResponse, status: number, body: { file: string } | { error: string }): void {
  // The service may stop, or who asked may have gone, before the answer.
  if (response.destroyed) return;
  response.writeHead(status, { 'content-type': 'application/json', connection: 'close' }).end(JSON.stringify(body));
}
