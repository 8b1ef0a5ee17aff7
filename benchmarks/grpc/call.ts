import { allocatedBytes, answerTo, cpuMicros } from '../harness/child.ts';
import { closedLoop, type Timing } from '../harness/closed-loop.ts';
import type { MethodName } from '../rpc-kit/work.ts';
import { createCall } from './clients.ts';
import type { ClientName } from './contenders.ts';

/** One client in a process of its own: `call.ts <name> <port>`. */
const [name = '', port = ''] = process.argv.slice(2);
const call = createCall(name as ClientName, Number(port));

interface Run {
  readonly method: MethodName;
  readonly timing: Timing;
}

function run({ method, timing }: Run) {
  const lane = async (): Promise<boolean> => {
    try {
      await call(method);
      return true;
    } catch {
      return false;
    }
  };
  return closedLoop(
    Array.from({ length: timing.concurrency }, () => lane),
    timing,
  );
}

answerTo({
  prepare: ({ method, timing }: Run) => run({ method, timing: { ...timing, measureMs: 0 } }),
  run,
  usage: () => ({ cpuMicros: cpuMicros(), allocatedBytes: allocatedBytes() }),
});
