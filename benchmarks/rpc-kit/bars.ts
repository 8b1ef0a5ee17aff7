import type { Figure } from '../harness/figure.ts';
import type { Bar } from '../harness/report.ts';
import type { Summary } from '../harness/rounds.ts';
import { SERVERS, type ServerContender } from './contenders.ts';
import { METHOD_NAMES, type MethodName } from './work.ts';

export type Summaries = Readonly<Record<MethodName, readonly Summary[]>>;

/** rpc-kit's own bars. A bar is met when it is met with both methods. */
export function judge(servers: Summaries, clients: Summaries): Bar[] {
  return [
    ...['rpc', 'plain'].flatMap((name) => [
      ...atLeast(`server \`${name}\` ≥ 0.80 × bare node:http`, servers, name, 0.8),
      ...aheadOfValidating(servers, name),
    ]),
    ...atLeast('client, single calls on `/rpc` ≥ 0.85 × bare undici', clients, 'client-rpc', 0.85),
    ...atLeast('client, single calls on the plain face ≥ 0.85 × bare undici', clients, 'client-plain', 0.85),
    ...atLeast('client, micro-batched ≥ 4 × bare undici, single calls', clients, 'client-batched', 4),
  ];
}

function atLeast(what: string, summaries: Summaries, name: string, bar: number): Bar[] {
  const own = METHOD_NAMES.flatMap((method) => {
    const summary = find(summaries, method, name);
    return summary ? [{ method, summary }] : [];
  });
  if (own.length < METHOD_NAMES.length) return [];
  const describe = (figure: (summary: Summary) => Figure): string =>
    own.map(({ method, summary }) => `${method} ${figure(summary).median.toFixed(2)}`).join(', ');
  return [
    {
      what,
      met: own.every(({ summary }) => summary.ratio.median >= bar),
      reached: `${describe(({ ratio }) => ratio)}; by CPU time ${describe(({ cpuRatio }) => cpuRatio)}`,
    },
  ];
}

function aheadOfValidating(summaries: Summaries, name: string): Bar[] {
  const validating = (SERVERS as readonly ServerContender[]).filter(
    ({ ours, validates }) => !ours && validates !== 'no',
  );
  const duels = METHOD_NAMES.flatMap((method) => {
    const own = find(summaries, method, name);
    const [best] = validating
      .flatMap((peer) => find(summaries, method, peer.name) ?? [])
      .toSorted((a, b) => b.ratio.median - a.ratio.median);
    return own && best ? [{ method, own, best }] : [];
  });
  if (duels.length < METHOD_NAMES.length) return [];
  const reached = duels.map(
    ({ own, best, method }) =>
      `${method} ${own.ratio.median.toFixed(2)}, best peer ${best.name} ${best.ratio.median.toFixed(2)}`,
  );
  return [
    {
      what: `server \`${name}\` ahead of every framework that validates`,
      met: duels.every(({ own, best }) => own.ratio.median > best.ratio.median),
      reached: reached.join('; '),
    },
  ];
}

function find(summaries: Summaries, method: MethodName, name: string): Summary | undefined {
  return summaries[method].find((summary) => summary.name === name);
}
