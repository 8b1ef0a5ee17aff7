import { Failure, findProgram } from 'mesh';

const PROGRAMS = ['prometheus', 'promtool'] as const;
type Program = (typeof PROGRAMS)[number];

/** Why dashboards and alerts cannot be tested here; undefined where they can. */
export async function missingForPrometheusTests(): Promise<string | undefined> {
  const absent = PROGRAMS.filter((program) => findProgram(program) === undefined);
  if (absent.length === 0) return undefined;
  return `They need ${absent.join(' and ')}: install Prometheus (apt-get install prometheus, brew install prometheus).`;
}

/** The path of the program, for tests, which run only where it is installed. */
export function prometheusProgram(program: Program): string {
  const path = findProgram(program);
  if (path === undefined) throw new Failure(`${program} is not in PATH: install Prometheus.`);
  return path;
}
