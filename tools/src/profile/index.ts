/** For other programs that read profiles of V8, such as the benchmarks. */
export { fromCpuProfile } from './call-tree.ts';
export type { CpuProfile, ProfileWindow } from './cpu-profile.ts';
export { type ReadProfile, readProfile, writeFlameGraph } from './read-profile.ts';
export { requestProfile } from './request-profile.ts';
export { summarize } from './summary.ts';
