import { join } from 'node:path';
import { PROJECT_DIRECTORY, shortPath } from '../mesh-config.ts';
import { type PerService, SERVICES, type ServiceName } from '../services.ts';
import { type Program, STOP_STEPS } from '../supervisor/plan.ts';
import { type Supervision, supervise } from '../supervisor/supervise.ts';
import { openServiceLog, type ServiceLog } from './service-log.ts';

export type Services = Supervision & { list(): RunningService[] };
export type RunningService = { name: ServiceName; url: string; pid: number };

type ServicesOptions = {
  urls: PerService<string>;
  environments: PerService<NodeJS.ProcessEnv>;
  logDirectory: string;
  onSpawn(name: string, pid: number): void;
  onProgress(text: string): void;
};

const READY_TIMEOUT_MS = 20_000;
/** Callers stop before the services they call, but a slow one holds up the next no longer than this. */
const HEAD_START_MS = 150;

export function superviseServices({ urls, environments, logDirectory, ...options }: ServicesOptions): Services {
  const running: RunningService[] = [];
  const logs = new Map<string, ServiceLog>();
  const describe = (service: ServiceName): Program => ({
    name: service,
    title: service,
    command: process.execPath,
    arguments: [join(PROJECT_DIRECTORY, service, 'src/main.ts')],
    cwd: PROJECT_DIRECTORY,
    env: environments[service],
    // The runner's end closes the channel, which stops the service.
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    ready: { when: 'URL answers', url: `${urls[service]}/readyz` },
    readyTimeoutMs: READY_TIMEOUT_MS,
    stop: STOP_STEPS.service,
  });
  const plan = { preparations: [], tiers: SERVICES.map((service) => [describe(service)]), headStartMs: HEAD_START_MS };
  const supervision = supervise(plan, {
    onSpawn({ name }, { pid = 0, stdout, stderr }) {
      const service = name as ServiceName;
      options.onSpawn(service, pid);
      running.push({ name: service, url: urls[service], pid });
      logs.set(service, openServiceLog(logDirectory, service, [stdout, stderr]));
    },
    onProgress: options.onProgress,
    async explain(what, { name }) {
      const log = logs.get(name);
      await log?.drained;
      const lastWords = log?.lastWords();
      if (lastWords?.startsWith(`${name} cannot run: `)) return lastWords;
      return log === undefined ? `${what}.` : `${what}: see the end of ${shortPath(log.file)}.`;
    },
  });
  return {
    ...supervision,
    list: () => running,
    async stop() {
      await supervision.stop();
      await Promise.all(logs.values().map(({ drained }) => drained));
    },
  };
}
