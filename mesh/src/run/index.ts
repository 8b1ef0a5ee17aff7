export { migrationsDirectory } from './migrate-services.ts';
export { seconds, step } from './progress.ts';
export type { ReadyMessage } from './run-all.ts';
