import { parseArgs } from 'node:util';
import { describeWhole, parseWhole, type WholeRange } from '../../src/schema/whole-number.ts';
import { fuzz, HEAP_GROWTH_MAX_BYTES, heapGrowth } from './fuzz.ts';

/** `npm run fuzz -w rpc-kit -- --requests 100000 --seed 7` */
const { values } = parseArgs({
  options: { requests: { type: 'string', default: '100000' }, seed: { type: 'string' } },
});
const readWhole = (name: string, text: string, range: WholeRange): number => {
  const number = parseWhole(text, range);
  if (number !== undefined) return number;
  console.error(`--${name} is "${text}", but has to be ${describeWhole(range)}.`);
  process.exit(1);
};
const seed = readWhole('seed', values.seed ?? String(Date.now() % 1_000_000), { min: 0, max: 2 ** 32 - 1 });
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
