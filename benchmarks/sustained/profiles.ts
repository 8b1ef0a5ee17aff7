import { copyFile, mkdir } from 'node:fs/promises';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestMesh } from 'testing';
import { type ReadProfile, readProfile, requestProfile, summarize, writeFlameGraph } from 'tools/profile';

export interface ServiceProfile {
  readonly service: (typeof PROFILED)[number];
  readonly kind: (typeof KINDS)[number];
  readonly seconds: number;
  /** The file of the service, which is removed with its mesh. */
  readonly file: string;
  readonly profile: ReadProfile;
}

const PROFILED = ['loms', 'notifications'] as const;
const KINDS = ['cpu', 'allocations'] as const;
const WHAT = { cpu: 'CPU time', allocations: 'Allocations' } as const;
const LINES_MAX = 30;

/** By the sockets of `make profile`, so the services run as always: first their CPU time, then their allocations. */
export async function profileServices({ paths, pids }: TestMesh, seconds: number): Promise<ServiceProfile[]> {
  const profiles: ServiceProfile[] = [];
  for (const kind of KINDS) {
    const taken = PROFILED.map(async (service): Promise<ServiceProfile> => {
      const process = { directory: paths.profiles, name: service, pid: pids[service] };
      const file = await requestProfile(process, kind, String(seconds));
      return { service, kind, seconds, file, profile: await readProfile(file, kind) };
    });
    profiles.push(...(await Promise.all(taken)));
  }
  return profiles;
}

/** Copies a profile to `results/`, draws its flame graph beside it, and prints its summary. */
export async function keepProfile({ service, kind, file, profile }: ServiceProfile, about: string): Promise<void> {
  const folder = new URL('results/', import.meta.url);
  await mkdir(folder, { recursive: true });
  const kept = fileURLToPath(new URL(`${service}-${kind}${extname(file)}`, folder));
  await copyFile(file, kept);
  const title = `${WHAT[kind]} of ${service}, ${about}`;
  const picture = await writeFlameGraph(kept, title, profile);
  console.log(`\n## ${title}: ${profile.sentence}\n${picture}`);
  for (const line of summarize(profile.tree, { ...profile, linesMax: LINES_MAX })) console.log(line);
}
