import { PRODUCT_LIMIT } from 'checkout/testing';
import { markdownTable } from 'rpc-kit/markdown-table';
import { type Setting, settingLine } from '../harness/setting.ts';
import { ANSWER_MS, CATALOGUE_SIZE } from './goods.ts';
import type { Measured } from './measure.ts';
import { LIST_CART_TIMEOUT_MS, VARIANTS } from './variants.ts';

export interface Results {
  readonly setting: Setting;
  readonly quick: boolean;
  readonly lifted: readonly Measured[];
  readonly real: readonly Measured[];
}

/** Tables that can be pasted into a README. */
export function toMarkdown({ setting, quick, lifted, real }: Results): string {
  return [
    `Measured ${settingLine(setting)}. The product service takes ${ANSWER_MS} ms; all carts are made of one catalogue of ${CATALOGUE_SIZE} skus.${quick ? ' **A quick run: small carts, and few of them.**' : ''}`,
    'Deadline and queue lifted: nobody is refused, and no call is too late.',
    tableOf(lifted),
    ...(real.length === 0
      ? []
      : [
          `With checkout's own bounds: ${PRODUCT_LIMIT.waitersMax} requests may wait for their turn, and a call may take ${LIST_CART_TIMEOUT_MS / 1_000} s.`,
          tableOf(real),
        ]),
    verdict([...lifted, ...real]),
  ]
    .join('\n\n')
    .concat('\n');
}

/** Runs with the limit on in which the product service saw more than it allows. */
export function overLimit(measured: readonly Measured[]): Measured[] {
  const limited = new Set<string>(VARIANTS.filter((variant) => variant.limited).map(({ name }) => name));
  return measured.filter(({ variant, busiestSecond }) => limited.has(variant) && busiestSecond > PRODUCT_LIMIT.tokens);
}

function verdict(measured: readonly Measured[]): string {
  const broken = overLimit(measured);
  const most = (of: readonly Measured[]): number => Math.max(...of.map(({ busiestSecond }) => busiestSecond));
  const limited = measured.filter(({ variant }) => VARIANTS.find(({ name }) => name === variant)?.limited);
  return markdownTable(
    ['to reach', 'met', 'reached'],
    [
      [
        `at most ${PRODUCT_LIMIT.tokens} requests in any second at the product service, wherever the limit is on`,
        broken.length === 0 ? 'yes' : '**no**',
        `${most(limited)} at most in ${limited.length} cells`,
      ],
    ],
    3,
  );
}

function tableOf(measured: readonly Measured[]): string {
  const head = ['users', 'skus each', 'variant', 'runs', 'carts served', 'ended otherwise', 'p50 ms', 'p99 ms'];
  const seen = ['calls to products a run', 'most in any second', 'a run took s'];
  return markdownTable([...head, ...seen], measured.map(rowOf), 3);
}

function rowOf(measured: Measured): string[] {
  const { users, skusEach, variant, asked, runs, served, failures, calls, busiestSecond, seconds } = measured;
  const fewer = asked < users ? ` (${asked} of ${users} users)` : '';
  const otherwise = Object.entries(failures).map(([why, count]) => `${count} ${why}`);
  return [
    String(users),
    String(skusEach),
    VARIANTS.find(({ name }) => name === variant)?.title ?? variant,
    String(runs),
    `${served}${fewer}`,
    otherwise.join(', ') || '0',
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
