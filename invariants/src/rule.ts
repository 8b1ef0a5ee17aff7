import type { Operation } from './history.ts';
import type { Delivery } from './journal.ts';
import type { LogSearch } from './log-search.ts';
import type { Query, Row } from './snapshot.ts';
import type { StockWatch } from './stock-watch.ts';

/** The sources of the rules. All are optional: a rule without its sources is not checked. */
export interface Sources {
  readonly loms?: Query | undefined;
  readonly checkout?: Query | undefined;
  readonly notifications?: Query | undefined;
  readonly products?: Query | undefined;
  readonly accounts?: Query | undefined;
  /** The calls of clients. Its users start with empty carts, and it has every call that changed them. */
  readonly history?: readonly Operation[] | undefined;
  /** The deliveries of notifications, in their order. */
  readonly journal?: readonly Delivery[] | undefined;
  /** Snapshots of the stock under load. */
  readonly stockWatch?: StockWatch | undefined;
  readonly logs?: LogSearch | undefined;
}

export type Source = keyof Sources;

export interface Settings {
  /** The setting of loms (ORDER_PAYMENT_TIMEOUT_MS). */
  readonly paymentTimeoutMs: number;
  /** A transaction that is open longer breaks Y2. */
  readonly transactionMaxMs: number;
}

/** The violations; none where the rule holds. */
export type Findings = readonly Row[];
/** There was no data to check, so the result is neither holds nor broken. */
export interface NothingSeen {
  readonly nothingSeen: string;
}

/** A part of a rule, and the sources that it needs. */
export interface Check {
  readonly name: string;
  readonly needs: readonly Source[];
  /** Without its sources, the rule still holds if its other checks do; the report names the check. */
  readonly optional: boolean;
  readonly find: (sources: Sources, settings: Settings) => Promise<Findings | NothingSeen>;
}

export interface Rule {
  readonly id: string;
  /** The rule as far as it is checked, in one sentence. */
  readonly says: string;
  readonly checks: readonly Check[];
  /** The part of the rule that data cannot show, and the tests that show it. */
  readonly beyond?: string;
}

type Given<Needed extends Source> = { readonly [Key in Needed]-?: NonNullable<Sources[Key]> };
type Find<Needed extends Source> = (
  sources: Given<Needed>,
  settings: Settings,
) => Promise<Findings | NothingSeen> | Findings | NothingSeen;

/** A check that runs only with all of its sources. */
export function check<Needed extends Source>(
  name: string,
  needs: readonly Needed[],
  find: Find<Needed>,
  { optional = false } = {},
): Check {
  return { name, needs, optional, find: async (sources, settings) => find(sources as Given<Needed>, settings) };
}
