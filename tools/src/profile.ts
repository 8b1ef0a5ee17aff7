import { env } from 'node:process';
import { Failure, runScript, shortPath } from 'mesh';
import { step } from 'mesh/run';
import { describeWrong } from 'rpc-kit/urls';
import { describeWhole, parseWhole } from 'rpc-kit/whole-number';
import { isProfileKind, PROFILE_KINDS, PROFILE_SECONDS, type ProfileKind } from 'service-kit';
import { readProfile, writeFlameGraph } from './profile/read-profile.ts';
import { requestProfile } from './profile/request-profile.ts';
import { summarize } from './profile/summary.ts';
import { findRunningService } from './service-record.ts';

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
  // run-all passes a PROFILE_DIR of the caller to the services.
  const directory = env.PROFILE_DIR || service.paths.profiles;
  const profiled = { directory, name: service.name, pid: service.process.pid };
  const file = await step(title, () => requestProfile(profiled, kind, seconds));
  const profile = await readProfile(file, kind);
  for (const line of [profile.sentence, ...summarize(profile.tree, profile)]) console.log(line);
  const picture = await writeFlameGraph(file, title, profile);
  console.log(`\nPicture of the flame graph: ${shortPath(picture)}`);
  console.log(`Flame graph: npx speedscope ${shortPath(file)}`);
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
