import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { waitForPort } from '../ports.ts';
import { isClusterReady } from '../postgres/postgres-cluster.ts';
import type { Readiness } from './plan.ts';

const REQUEST_TIMEOUT_MS = 2_000;

/** Answers undefined once the program is ready, and until then what it lacks, in words that follow "was not ready: ". */
export type ReadinessCheck = () => Promise<string | undefined>;

export function checkReadiness(ready: Readiness, child: ChildProcess): ReadinessCheck {
  if (ready.when === 'URL answers') return () => askUrl(ready.url);
  if (ready.when === 'line is printed') return checkOutput(ready.text, child);
  if (ready.when === 'cluster is ready') {
    return async () => (isClusterReady(ready.directory, child.pid) ? undefined : 'its pid file does not say so');
  }
  const { host, port } = ready;
  return async () => ((await waitForPort(host, port, 0)) ? undefined : `port ${port} does not listen`);
}

async function askUrl(url: string): Promise<string | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) });
    const body = await response.text();
    return response.status === 200 ? undefined : `${url} answers ${response.status} ${body.trim()}`;
  } catch {
    return `${url} answers nothing`;
  }
}

function checkOutput(text: string, { stdout }: ChildProcess): ReadinessCheck {
  if (stdout === null) throw new Error(`The output that is to contain "${text}" is no pipe.`);
  let isPrinted = false;
  createInterface({ input: stdout }).on('line', (line) => {
    isPrinted ||= line.includes(text);
  });
  return async () => (isPrinted ? undefined : `it has not printed "${text}"`);
}
