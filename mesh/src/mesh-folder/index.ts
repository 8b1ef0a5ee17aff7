export { stopLeftovers } from './leftovers.ts';
export { createMeshFolder } from './mesh-folder.ts';
export { isAlive, type ProcessStamp, stampProcess, waitForEnd } from './process-stamp.ts';
export { openRunRecord, readLiveRun, readRunRecord, refuseOutOfReach } from './run-record.ts';
export { createSecrets, loadSecrets } from './secrets.ts';
