import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PROJECT_DIRECTORY } from 'mesh';

/** They are percent-encoded in the userinfo of URLs, and must not appear decoded either. */
export const SECRET = 'hunter2';
export const USERINFO = `u:p%40%2F${SECRET}`;
export const BASIC = Buffer.from(decodeURIComponent(USERINFO)).toString('base64');
export const LEAK = new RegExp(`${SECRET}|${BASIC}`);
const WAIT_MAX_MS = 30_000;

interface Running extends AsyncDisposable {
  /** Its output so far. */
  output(): string;
  ended: Promise<number | null>;
}

export function start(script: string, variables: NodeJS.ProcessEnv, words: readonly string[] = []): Running {
  const child: ChildProcess = spawn(process.execPath, [join(PROJECT_DIRECTORY, script), ...words], {
    cwd: PROJECT_DIRECTORY,
    env: { PATH: process.env.PATH, PORT: '0', LOG_LEVEL: 'trace', ACCESS: 'open', ...variables },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let written = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (written += chunk));
  const ended = once(child, 'close').then(([code]) => code as number | null);
  return {
    output: () => written,
    ended,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

/** Waits until the text is in the output. */
export async function said(running: { output(): string }, text: string): Promise<string> {
  const waitedUntil = performance.now() + WAIT_MAX_MS;
  while (!running.output().includes(text)) {
    if (performance.now() > waitedUntil) assert.fail(`"${text}" was not said in\n${running.output()}`);
    await sleep(20);
  }
  return running.output();
}

export async function listeningAt(service: Running): Promise<string> {
  await said(service, '"listening"');
  return /"url":"([^"]+)"/.exec(service.output())?.[1] ?? '';
}

export async function textOf(url: string, body?: unknown): Promise<string> {
  const response = await fetch(url, body === undefined ? {} : post(body));
  return `${[...response.headers].join('\n')}\n${await response.text()}`;
}

const post = (body: unknown) => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
});
