export { awaitEnd } from './child-end.ts';
export { openLogFile } from './log-files.ts';
export type { Program } from './plan.ts';
