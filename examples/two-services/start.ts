import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** Two replicas of prices and a basket that balances between them, each in a process of its own. */
const [first = '7001', basket = '7002', second = '7003'] = process.env.PORTS?.split(',') ?? [];
const PROGRAMS = [
  { file: 'prices.ts', PORT: first },
  { file: 'prices.ts', PORT: second },
  { file: 'basket.ts', PORT: basket, PRICES_URLS: `http://127.0.0.1:${first},http://127.0.0.1:${second}` },
];

const children = PROGRAMS.map(({ file, ...environment }) =>
  spawn(process.execPath, [fileURLToPath(new URL(file, import.meta.url))], {
    env: { ...process.env, ...environment },
    stdio: 'inherit',
  }),
);
const stop = (): void => {
  for (const child of children) child.kill('SIGTERM');
};
// A terminal sends Ctrl-C to the children as well; a second signal does them no harm.
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, stop);
const ends = children.map((child) => once(child, 'exit'));
// Basket can do without one prices, and the others are of no use without basket.
const [exitCode] = (await ends.at(-1)) ?? [];
stop();
await Promise.all(ends);
process.exitCode = exitCode ?? 1;
