import type { Operation } from './history.ts';
import type { Delivery } from './journal.ts';
import type { LogSearch } from './log-search.ts';
import type { Query, Row } from './snapshot.ts';
import type { StockWatch } from './stock-watch.ts';

/** What can be looked at. Nothing is required: a rule says which of it it misses. */
export interface Sources {
  readonly loms?: Query | undefined;
  readonly checkout?: Query | undefined;
  readonly notifications?: Query | undefined;
  /** What clients did and saw. Its users begin with empty carts, and all that was done for them is in it. */
  readonly history?: readonly Operation[] | undefined;
  /** What notifications delivered, in the order in which it did. */
  readonly journal?: readonly Delivery[] | undefined;
  /** Looks at the stock while it moved. */
  readonly stockWatch?: StockWatch | undefined;
  readonly logs?: LogSearch | undefined;
}

export type Source = keyof Sources;

export interface Settings {
  /** As loms is told (ORDER_PAYMENT_TIMEOUT_MS). */
  readonly paymentTimeoutMs: number;
  /** Beyond this, an open transaction breaks Y2. */
  readonly transactionMaxMs: number;
}

/** What was found amiss; nothing where the rule holds. */
export type Findings = readonly Row[];
/** There was nothing to look at: neither does the rule hold, nor is it broken. */
export interface NothingSeen {
  readonly nothingSeen: string;
}

/** A part of a rule, seen in sources that it names. */
export interface Check {
  readonly name: string;
  readonly needs: readonly Source[];
  /** Without its sources, the rule holds nevertheless when its other checks do; the report says what was left out. */
  readonly optional: boolean;
  readonly find: (sources: Sources, settings: Settings) => Promise<Findings | NothingSeen>;
}

export interface Rule {
  readonly id: string;
  /** The rule as far as it is checked here, in one sentence. */
  readonly says: string;
  readonly checks: readonly Check[];
  /** What of the rule no data shows, and what proves it. */
  readonly beyond?: string;
}

type Given<Needed extends Source> = { readonly [Key in Needed]-?: NonNullable<Sources[Key]> };
type Find<Needed extends Source> = (
  sources: Given<Needed>,
  settings: Settings,
) => Promise<Findings | NothingSeen> | Findings | NothingSeen;

/** A check that is run only where all of its sources are there. */
export function check<Needed extends Source>(
  name: string,
  needs: readonly Needed[],
  find: Find<Needed>,
  { optional = false } = {},
): Check {
  return { name, needs, optional, find: async (sources, settings) => find(sources as Given<Needed>, settings) };
}
