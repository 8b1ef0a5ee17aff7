import { parseArgs } from 'node:util';
import { fuzz, HEAP_GROWTH_MAX_BYTES, heapGrowth } from './fuzz.ts';
import { readSeed, readWhole } from './options.ts';

/** `npm run fuzz -w rpc-kit -- --requests 100000 --seed 7` */
const { values } = parseArgs({
  options: { requests: { type: 'string', default: '100000' }, seed: { type: 'string' } },
});
const seed = readSeed(values.seed);
const requests = readWhole('requests', values.requests, { min: 1, max: 1e9 });
const toMebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);

console.log(`seed ${seed}`);
const report = await fuzz({
  requests,
  seed,
  onProgress: (sent, perSecond) => console.log(`${sent} requests, ${perSecond} a second`),
});
const growth = heapGrowth(report);
console.log(
  `seed ${seed}: ${report.requests} requests on ${report.connections} connections, ${report.perSecond} a second`,
);
for (const [status, count] of [...report.byStatus].toSorted(([one], [other]) => one - other)) {
  console.log(`  ${status}: ${count}`);
}
console.log(`heap after each eighth, in MiB: ${report.heap.map(toMebibytes).join(' ')}`);
console.log(`heap growth from the first quarter to the last: ${toMebibytes(growth)} MiB`);
if (growth > HEAP_GROWTH_MAX_BYTES) {
  console.error(`The heap grew by more than ${toMebibytes(HEAP_GROWTH_MAX_BYTES)} MiB`);
  process.exitCode = 1;
}
