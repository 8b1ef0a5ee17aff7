import { runScript } from 'mesh';
import { runServiceProgram } from './run-service-program.ts';

/** `make admin EMAIL=…`, on the running mesh. */
await runScript(() => runServiceProgram('accounts', 'make-admin.ts'));
