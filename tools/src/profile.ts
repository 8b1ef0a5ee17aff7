import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { env } from 'node:process';
import { text } from 'node:stream/consumers';
import { Failure, runScript, shortPath } from 'mesh';
import { step } from 'mesh/run';
import { describeWrong } from 'rpc-kit/urls';
import { describeWhole, parseWhole } from 'rpc-kit/whole-number';
import { isProfileKind, PROFILE_KINDS, PROFILE_SECONDS, type ProfileKind, profileSocketPath } from 'service-kit';
import { fromCpuProfile, fromHeapProfile } from './profile/call-tree.ts';
import { formatBytes, formatMicros, summarize } from './profile/summary.ts';
import { findRunningService, type RunningService } from './service-record.ts';

/** `make profile SERVICE=loms`: measures where a running service spends its time or memory. */
const EXAMPLE = 'make profile SERVICE=loms';
const SECONDS_FALLBACK = '10';
const NAMES: Record<ProfileKind, string> = {
  cpu: 'CPU profile',
  heap: 'Heap allocated and still held,',
  allocations: 'Heap allocations',
};

await runScript(async () => {
  const service = findRunningService(process.env, EXAMPLE);
  const { kind, seconds } = readOptions(process.env);
  const title = `${NAMES[kind]} of ${service.name} (process ${service.process.pid}) for ${seconds} s`;
  const file = await step(title, () => requestProfile(service, kind, seconds));
  for (const line of await describe(file, kind)) console.log(line);
  console.log(`\nFlame graph: npx speedscope ${shortPath(file)}`);
  console.log("Chrome's developer tools open the file as well.");
  return 0;
});

function readOptions(environment: NodeJS.ProcessEnv): { kind: ProfileKind; seconds: string } {
  const kind = environment.KIND || 'cpu';
  if (!isProfileKind(kind)) throw new Failure(`KIND is "${kind}", but has to be ${PROFILE_KINDS.join(' or ')}.`);
  const seconds = environment.SECONDS || SECONDS_FALLBACK;
  if (parseWhole(seconds, PROFILE_SECONDS) !== undefined) return { kind, seconds };
  throw new Failure(`SECONDS ${describeWrong(seconds, describeWhole(PROFILE_SECONDS))}.`);
}

/** @returns the file that the service has written; Ctrl-C ends the request and the profile */
async function requestProfile(
  { name, process, paths }: RunningService,
  kind: ProfileKind,
  seconds: string,
): Promise<string> {
  // run-all passes a PROFILE_DIR of the caller to the services.
  const directory = env.PROFILE_DIR || paths.profiles;
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  request({
    socketPath: profileSocketPath(directory, name, process.pid),
    path: `/${kind}?seconds=${encodeURIComponent(seconds)}`,
    method: 'POST',
  })
    .once('error', ({ message }) => {
      reject(new Failure(`${name} did not answer the request for a profile (${message}): see the end of its log.`));
    })
    .once('response', async (response) => {
      try {
        const { file, error } = JSON.parse(await text(response));
        if (file !== undefined) return resolve(file);
        reject(new Failure(`${name} refused the profile: ${error}.`));
      } catch {
        reject(new Failure(`${name} ended before its profile was complete: see the end of its log.`));
      }
    })
    .end();
  return promise;
}

async function describe(file: string, kind: ProfileKind): Promise<string[]> {
  const profile = JSON.parse(await readFile(file, 'utf8'));
  if (kind !== 'cpu') {
    const tree = fromHeapProfile(profile);
    return [`${formatBytes(tree.total)} in all, estimated from samples`, ...summarize(tree, { format: formatBytes })];
  }
  const { tree, idleMicros } = fromCpuProfile(profile);
  const busyShare = tree.total / (tree.total + idleMicros || 1);
  return [
    `busy for ${formatMicros(tree.total)} (${(busyShare * 100).toFixed(1)} % of the time)`,
    ...summarize(tree, { format: formatMicros }),
  ];
}
