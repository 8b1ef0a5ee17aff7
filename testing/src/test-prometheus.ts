import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { Failure } from 'mesh';

const PROGRAMS = ['prometheus', 'promtool'] as const;
type Program = (typeof PROGRAMS)[number];

/** Why dashboards and alerts cannot be tested here; undefined where they can. */
export async function missingForPrometheusTests(): Promise<string | undefined> {
  const absent = PROGRAMS.filter((program) => findProgram(program) === undefined);
  if (absent.length === 0) return undefined;
  return `They need ${absent.join(' and ')}: install Prometheus (apt-get install prometheus, brew install prometheus).`;
}

/** Where the program is. For tests, which only run where it is there. */
export function prometheusProgram(program: Program): string {
  const path = findProgram(program);
  if (path === undefined) throw new Failure(`There is no ${program} here: install Prometheus.`);
  return path;
}

function findProgram(program: Program): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, program)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
