export { awaitEnd } from './child-end.ts';
export { spawnKeeper } from './keeper-client.ts';
export type { PgbouncerInstance } from './keeper-protocol.ts';
export { openLogFile } from './log-files.ts';
