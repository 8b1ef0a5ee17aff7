import type { Figure } from '../harness/figure.ts';
import { SERVERS, type ServerContender } from './contenders.ts';
import type { Summary } from './summary.ts';
import { METHOD_NAMES, type MethodName } from './work.ts';

/** What rpc-kit is to reach. */
export interface Bar {
  readonly what: string;
  readonly met: boolean;
  /** What was reached, by throughput and by CPU time. */
  readonly reached: string;
}

export type Summaries = Readonly<Record<MethodName, readonly Summary[]>>;

/** A bar is met when it is met with both methods. */
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
  const own = METHOD_NAMES.map((method) => ({ method, summary: find(summaries, method, name) }));
  if (own.some(({ summary }) => summary === undefined)) return [];
  const met = own.every(({ summary }) => (summary?.ratio.median ?? 0) >= bar);
  const say = (figure: (summary: Summary) => Figure): string =>
    own.map(({ method, summary }) => `${method} ${summary && figure(summary).median.toFixed(2)}`).join(', ');
  return [{ what, met, reached: `${say(({ ratio }) => ratio)}; by CPU time ${say(({ cpuRatio }) => cpuRatio)}` }];
}

function aheadOfValidating(summaries: Summaries, name: string): Bar[] {
  const validating = new Map(
    (SERVERS as readonly ServerContender[]).filter(isValidatingPeer).map(({ name, title }) => [name, title]),
  );
  const duels = METHOD_NAMES.map((method) => ({
    own: find(summaries, method, name),
    method,
    best: summaries[method]
      .filter((summary) => validating.has(summary.name))
      .reduce<Summary | undefined>(
        (best, peer) => (best && best.ratio.median >= peer.ratio.median ? best : peer),
        undefined,
      ),
  }));
  if (duels.some(({ own, best }) => !own || !best)) return [];
  const met = duels.every(({ own, best }) => (own?.ratio.median ?? 0) > (best?.ratio.median ?? 0));
  const reached = duels.map(
    ({ own, best, method }) =>
      `${method} ${own?.ratio.median.toFixed(2)}, best peer ${best?.name} ${best?.ratio.median.toFixed(2)}`,
  );
  return [{ what: `server \`${name}\` ahead of every framework that validates`, met, reached: reached.join('; ') }];
}

function isValidatingPeer({ ours, validates }: ServerContender): boolean {
  return !ours && validates !== 'no';
}

function find(summaries: Summaries, method: MethodName, name: string): Summary | undefined {
  return summaries[method].find((summary) => summary.name === name);
}
