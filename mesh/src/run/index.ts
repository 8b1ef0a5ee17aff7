export { migrationsDirectory } from './migrate-services.ts';
export { pickFreePorts, refusePortsInUse, waitForPort } from './ports.ts';
export { seconds, step } from './progress.ts';
export type { ReadyMessage } from './run-all.ts';
