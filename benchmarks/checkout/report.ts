import { PRODUCT_LIMIT } from 'checkout/testing';
import { markdownTable } from 'rpc-kit/markdown-table';
import { type Bar, barTable, type Results, toReport } from '../harness/report.ts';
import type { Measured } from './measure.ts';
import { ANSWER_MS, CATALOGUE_SIZE, LIST_CART_TIMEOUT_MS, VARIANTS } from './variants.ts';

interface ListResults extends Results {
  readonly lifted: readonly Measured[];
  readonly real: readonly Measured[];
}

export function toMarkdown(results: ListResults): string {
  const { lifted, real } = results;
  const bounds = `With checkout's own bounds: ${PRODUCT_LIMIT.waitersMax} requests may wait in the queue, and a call may take ${LIST_CART_TIMEOUT_MS / 1_000} s.`;
  return toReport(
    results,
    `The product service takes ${ANSWER_MS} ms; all carts hold skus of one catalogue of ${CATALOGUE_SIZE}.`,
    [
      'Deadline and queue limit lifted: no call is refused, and none is too late.',
      tableOf(lifted),
      ...(real.length === 0 ? [] : [bounds, tableOf(real)]),
      barTable([barOf([...lifted, ...real])]),
    ],
  );
}

/** Cells with the limit in which the product service received more than it allows. */
export function overLimit(measured: readonly Measured[]): Measured[] {
  return measured.filter((cell) => isLimited(cell) && cell.busiestSecond > PRODUCT_LIMIT.tokens);
}

function isLimited({ variant }: Measured): boolean {
  return VARIANTS.some(({ name, limited }) => name === variant && limited);
}

function barOf(measured: readonly Measured[]): Bar {
  const limited = measured.filter(isLimited);
  return {
    what: `at most ${PRODUCT_LIMIT.tokens} requests in any second at the product service, wherever the limit applies`,
    met: overLimit(measured).length === 0,
    reached: `${Math.max(...limited.map(({ busiestSecond }) => busiestSecond))} at most in ${limited.length} cells`,
  };
}

function tableOf(measured: readonly Measured[]): string {
  const head = ['users', 'skus each', 'variant', 'runs', 'carts served', 'failed', 'p50 ms', 'p99 ms'];
  const seen = ['product calls a run', 'most in any second', 'seconds a run'];
  return markdownTable([...head, ...seen], measured.map(rowOf), 3);
}

function rowOf(measured: Measured): string[] {
  const { users, skusEach, variant, usersOfRun, runs, served, failures, calls, busiestSecond, seconds } = measured;
  const fewer = usersOfRun < users ? ` (${usersOfRun} of ${users} users)` : '';
  const failed = Object.entries(failures).map(([why, count]) => `${count} ${why}`);
  return [
    String(users),
    String(skusEach),
    VARIANTS.find(({ name }) => name === variant)?.title ?? variant,
    String(runs),
    `${served}${fewer}`,
    failed.join(', ') || '0',
    toMs(measured.p50Ms),
    toMs(measured.p99Ms),
    (calls / runs).toLocaleString('en', { maximumFractionDigits: 1 }),
    String(busiestSecond),
    (seconds / runs).toFixed(2),
  ];
}

function toMs(ms: number): string {
  return Number.isNaN(ms) ? '–' : Math.round(ms).toLocaleString('en');
}
