import { runScript } from 'mesh';
import { runServiceProgram } from './run-service-program.ts';

/** `make rotate-keys`, on the running mesh. */
await runScript(() => runServiceProgram('accounts', 'rotate-keys.ts'));
