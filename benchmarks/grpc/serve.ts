import { allocatedBytes, answerTo, cpuMicros } from '../harness/child.ts';
import type { ServerName } from './contenders.ts';
import { startServer } from './servers.ts';

/** One server in a process of its own: `serve.ts <name>`. */
const port = await startServer(process.argv[2] as ServerName);

answerTo({
  port: () => port,
  usage: () => ({ cpuMicros: cpuMicros(), allocatedBytes: allocatedBytes() }),
});
