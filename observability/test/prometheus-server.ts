import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pickFreePorts, prometheusProgram } from 'testing';

/** A Prometheus for one test. */
export interface PrometheusServer extends AsyncDisposable {
  /** Evaluates a query at this moment. */
  query(expression: string): Promise<Sample[]>;
  rules(): Promise<Rule[]>;
}

export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

export interface Rule {
  readonly name: string;
  readonly query: string;
  /** The rule's `for`, in seconds. */
  readonly duration: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Whether the last evaluation succeeded; if not, `lastError` says why. */
  readonly health: string;
  readonly lastError?: string;
}

export interface PrometheusOptions {
  /** An empty folder, for its configuration and its data. */
  readonly folder: string;
  /** The addresses to scrape (host:port), by job. */
  readonly targets: Readonly<Record<string, string>>;
  readonly rulesFile: string;
}

const READY_TIMEOUT_MS = 60_000;
const QUERY_TIMEOUT_MS = 20_000;

/** Scrapes every second, so that rates exist soon. */
export async function startPrometheus({ folder, targets, rulesFile }: PrometheusOptions): Promise<PrometheusServer> {
  mkdirSync(folder, { recursive: true });
  const [port = 0] = await pickFreePorts(1);
  const address = `127.0.0.1:${port}`;
  const configuration = join(folder, 'prometheus.yml');
  // JSON is YAML.
  writeFileSync(configuration, JSON.stringify(toConfiguration(targets, rulesFile)));
  const child = spawn(
    prometheusProgram('prometheus'),
    [
      `--config.file=${configuration}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=${address}`,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let stderr = '';
  child.stderr.on('data', (chunk) => (stderr += chunk));
  const ended = once(child, 'exit');

  async function ask<T>(path: string, parameters: Record<string, string> = {}): Promise<T> {
    const url = `http://${address}/api/v1/${path}?${new URLSearchParams(parameters)}`;
    const response = await fetch(url, { signal: AbortSignal.timeout(QUERY_TIMEOUT_MS) });
    const answer = (await response.json()) as { status: string; error?: string; data: T };
    if (answer.status !== 'success') throw new Error(`${parameters.query ?? path}: ${answer.error}`);
    return answer.data;
  }

  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await ended;
  };
  const until = performance.now() + READY_TIMEOUT_MS;
  while (!(await isReady(address))) {
    if (child.exitCode === null && performance.now() < until) {
      await sleep(100);
      continue;
    }
    if (child.exitCode === null) await stop();
    throw new Error(`Prometheus did not start.\n${stderr}`);
  }
  return {
    query: async (query) => (await ask<{ result: Sample[] }>('query', { query })).result,
    rules: async () => (await ask<{ groups: { rules: Rule[] }[] }>('rules')).groups.flatMap(({ rules }) => rules),
    [Symbol.asyncDispose]: stop,
  };
}

function toConfiguration(targets: Readonly<Record<string, string>>, rulesFile: string): unknown {
  return {
    global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
    rule_files: [rulesFile],
    scrape_configs: Object.entries(targets).map(([job, target]) => ({
      job_name: job,
      static_configs: [{ targets: [target] }],
    })),
  };
}

async function isReady(address: string): Promise<boolean> {
  const answer = await fetch(`http://${address}/-/ready`, { signal: AbortSignal.timeout(1_000) }).catch(
    () => undefined,
  );
  await answer?.text();
  return answer?.status === 200;
}
