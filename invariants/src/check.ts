import assert from 'node:assert/strict';
import type { Rule, Settings, Source, Sources } from './rule.ts';
import { ACCOUNTS } from './rules/accounts.ts';
import { AUDIT } from './rules/audit.ts';
import { CARTS } from './rules/cart.ts';
import { EDGE } from './rules/edge.ts';
import { EVENTS } from './rules/events.ts';
import { PURCHASE } from './rules/purchase.ts';
import { SESSIONS } from './rules/sessions.ts';
import { STATUS } from './rules/status.ts';
import { STOCK } from './rules/stock.ts';
import { SYSTEM } from './rules/system.ts';
import type { Row } from './snapshot.ts';

/** In the order of the report. */
export const RULES: readonly Rule[] = [
  ...STOCK,
  ...STATUS,
  ...PURCHASE,
  ...CARTS,
  ...EVENTS,
  ...ACCOUNTS,
  ...SESSIONS,
  ...EDGE,
  ...AUDIT,
  ...SYSTEM,
];

export interface Violation {
  /** The part of the rule. */
  readonly check: string;
  readonly row: Row;
}

interface Checked {
  readonly id: string;
  readonly says: string;
}

export type Verdict = Checked &
  (
    | { readonly verdict: 'holds'; readonly notes: readonly string[] }
    | { readonly verdict: 'broken'; readonly violations: readonly Violation[] }
    /** A source is missing or had nothing to check, so the rule may be broken. */
    | { readonly verdict: 'not checked'; readonly why: string }
  );

export interface CheckOptions extends Partial<Settings> {
  /** Only these rules, by their ids. */
  readonly only?: readonly string[];
}

/** The defaults of the services' configuration. */
const SETTINGS: Settings = { paymentTimeoutMs: 600_000, transactionMaxMs: 5_000 };

const MISSING: Record<Source, string> = {
  loms: 'the database of loms (LOMS_DATABASE_URL=…)',
  checkout: 'the database of checkout (CHECKOUT_DATABASE_URL=…)',
  notifications: 'the database of notifications (NOTIFICATIONS_DATABASE_URL=…)',
  products: 'the database of products (PRODUCTS_DATABASE_URL=…)',
  accounts: 'the database of accounts (ACCOUNTS_DATABASE_URL=…)',
  history: 'a history file (HISTORY=…)',
  journal: 'a journal of deliveries',
  stockWatch: 'snapshots of the stock under load',
  logs: 'logs and the secrets to search for (LOGS=folder SECRETS=one,other)',
};

/**
 * Checks every rule as far as the sources allow. Call it when faults are off and the queues have drained.
 * Rejects when a source cannot be read.
 */
export async function checkInvariants(sources: Sources, options: CheckOptions = {}): Promise<Verdict[]> {
  const { only, ...own } = options;
  const verdicts: Verdict[] = [];
  // Sequential, since a source may be a single connection.
  for (const rule of RULES) {
    if (only && !only.includes(rule.id)) continue;
    verdicts.push(await checkRule(rule, sources, { ...SETTINGS, ...own }));
  }
  return verdicts;
}

async function checkRule(rule: Rule, sources: Sources, settings: Settings): Promise<Verdict> {
  const { id, says, beyond } = rule;
  const violations: Violation[] = [];
  const gaps: string[] = [];
  const notes = beyond === undefined ? [] : [beyond];
  let checked = 0;
  for (const part of rule.checks) {
    const missing = part.needs.filter((source) => sources[source] === undefined);
    if (missing.length > 0) {
      const sentence = `needs ${missing.map((source) => MISSING[source]).join(' and ')}`;
      if (part.optional) notes.push(`${part.name}: not checked, ${sentence}`);
      else gaps.push(rule.checks.length > 1 ? `${part.name}: ${sentence}` : sentence);
      continue;
    }
    const found = await part.find(sources, settings);
    if ('nothingSeen' in found) gaps.push(found.nothingSeen);
    else {
      violations.push(...found.map((row) => ({ check: part.name, row })));
      checked += 1;
    }
  }
  if (violations.length > 0) return { id, says, verdict: 'broken', violations };
  if (gaps.length === 0 && checked > 0) return { id, says, verdict: 'holds', notes };
  return { id, says, verdict: 'not checked', why: [...new Set(gaps), ...notes].join('; ') };
}

/** The violations by rule and part of the rule: `{'S2, the counter': [{sku: 1n, …}]}`. */
export async function findBroken(sources: Sources, options?: CheckOptions): Promise<Record<string, Row[]>> {
  const broken: Record<string, Row[]> = {};
  for (const verdict of await checkInvariants(sources, options)) {
    if (verdict.verdict !== 'broken') continue;
    for (const { check, row } of verdict.violations) {
      const part = `${verdict.id}, ${check}`;
      broken[part] = [...(broken[part] ?? []), row];
    }
  }
  return broken;
}

/** For the end of a test: fails if a rule is broken. */
export async function assertInvariants(sources: Sources, options?: CheckOptions): Promise<void> {
  assert.deepEqual(await findBroken(sources, options), {}, 'these rows break the rules in the keys');
}
