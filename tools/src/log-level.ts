import { join } from 'node:path';
import { runScript, shortPath } from 'mesh';
import { findRunningService } from './service-record.ts';

/** `make log-level SERVICE=loms`: switches the log level of a running service to debug, or back. */
await runScript(async () => {
  const { name, process: stamp, paths } = findRunningService(process.env, 'make log-level SERVICE=loms');
  process.kill(stamp.pid, 'SIGUSR2');
  const file = shortPath(join(paths.logs, `${name}.log`));
  console.log(
    `${name} (process ${stamp.pid}) switches its log level: "level_now" at the end of ${file} is the new one.`,
  );
  return 0;
});
