import { once } from 'node:events';
import { chmod, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join, relative, resolve } from 'node:path';
import type { Logger } from 'pino';
import { describeWhole, parseWhole } from 'rpc-kit/whole-number';
import { createFolder } from '../create-folder.ts';
import { isProfileKind, PROFILE_KINDS, profileExtension, takeProfile } from './take-profile.ts';

const SECONDS_FALLBACK = '10';
/** A minute is enough samples for any slow function. */
export const PROFILE_SECONDS = { min: 1, max: 60 };
/** A minute of a busy service makes a few megabytes; a much larger profile would block the service while it is written. */
const PROFILE_BYTES_MAX = 64 * 1024 * 1024;
/** One operator needs one connection. */
const CONNECTIONS_MAX = 4;

export interface ProfileSocketOptions {
  readonly service: string;
  /** Folder of the socket and the profiles; without it, profiles are off. */
  readonly directory: string | undefined;
  readonly logger: Logger;
}

/**
 * The path of the profile socket of a process. A socket path is limited to about a hundred bytes, so the path relative to the
 * working directory is used if it is shorter.
 */
export function profileSocketPath(directory: string, service: string, pid: number): string {
  const path = join(directory, `${service}-${pid}.sock`);
  const fromHere = relative(process.cwd(), path);
  return fromHere.length < path.length ? fromHere : path;
}

/**
 * Serves profiles of this process on a Unix socket that only its own user can open: `POST /cpu?seconds=10` answers with the
 * name of the file. An idle socket costs nothing.
 */
export async function serveProfiles({ service, directory, logger }: ProfileSocketOptions): Promise<AsyncDisposable> {
  if (directory === undefined) return { async [Symbol.asyncDispose]() {} };
  const closing = new AbortController();
  let busy = false;
  const server = createServer(async (request, response) => {
    const parsed = parseRequest(request);
    if ('refusal' in parsed) return answer(response, 400, { error: parsed.refusal });
    if (busy) return answer(response, 409, { error: 'another profile is in progress: try again when it has ended' });
    busy = true;
    try {
      const clientLeft = new AbortController();
      response.once('close', () => clientLeft.abort());
      const { kind, seconds } = parsed;
      const profile = await takeProfile(kind, seconds * 1_000, AbortSignal.any([closing.signal, clientLeft.signal]));
      if (Buffer.byteLength(profile) > PROFILE_BYTES_MAX) {
        return answer(response, 500, {
          error: `the profile is larger than ${PROFILE_BYTES_MAX} bytes: ask for fewer seconds`,
        });
      }
      const timestamp = new Date().toISOString().replaceAll(/[:.]/g, '-');
      const file = resolve(directory, `${service}-${process.pid}-${timestamp}-${kind}.${profileExtension(kind)}`);
      await writeFile(file, profile, { flag: 'wx', mode: 0o600 });
      logger.info({ kind, seconds, file }, 'profile taken');
      answer(response, 200, { file });
    } catch (error) {
      if (!closing.signal.aborted && !response.destroyed) logger.warn({ err: error }, 'the profile failed');
      answer(response, 500, { error: `the profile failed: ${(error as Error).message}` });
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

  /** A failure is only logged: a service that cannot be profiled still serves. */
  async function listen(): Promise<void> {
    const path = profileSocketPath(directory as string, service, process.pid);
    try {
      createFolder(directory as string, 0o700);
      // A killed process with the same pid may have left its socket.
      await rm(path, { force: true });
      server.listen(path);
      await once(server, 'listening');
      await chmod(path, 0o600);
    } catch (error) {
      logger.warn({ err: error, path }, 'profiles are off: set PROFILE_DIR to a short path that the service can write');
    }
  }
}

type ParsedRequest = { kind: (typeof PROFILE_KINDS)[number]; seconds: number } | { refusal: string };

function parseRequest({ method, url = '' }: IncomingMessage): ParsedRequest {
  const { pathname, searchParams } = new URL(url, 'http://profile');
  const kind = pathname.slice(1);
  if (method !== 'POST' || !isProfileKind(kind)) return { refusal: `send POST to /${PROFILE_KINDS.join(', /')}` };
  const seconds = parseWhole(searchParams.get('seconds') ?? SECONDS_FALLBACK, PROFILE_SECONDS);
  return seconds === undefined ? { refusal: `seconds has to be ${describeWhole(PROFILE_SECONDS)}` } : { kind, seconds };
}

function answer(response: ServerResponse, status: number, body: { file: string } | { error: string }): void {
  // The service may have stopped, or the client may have left.
  if (response.destroyed) return;
  response.writeHead(status, { 'content-type': 'application/json', connection: 'close' }).end(JSON.stringify(body));
}
