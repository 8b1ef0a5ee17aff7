import { allocatedBytes, answerTo, cpuMicros } from '../harness/child.ts';
import { closedLoop, type Timing } from '../harness/closed-loop.ts';
import { COSTS, laneOf } from './variants.ts';

/** One variant in a process of its own: `cost.ts <name>`. */
const lane = laneOf(COSTS[process.argv[2] ?? '']?.() ?? []);

answerTo({
  run: (timing: Timing) => closedLoop(new Array<typeof lane>(timing.concurrency).fill(lane), timing),
  usage: () => ({ cpuMicros: cpuMicros(), allocatedBytes: allocatedBytes() }),
});
