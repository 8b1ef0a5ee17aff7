import { storableText } from 'rpc-kit';
import type { Verdict } from './check.ts';

export interface ReportOptions {
  /** For terminals. */
  readonly colours?: boolean;
}

/** Violations to print for each rule. */
const EXAMPLES_MAX = 5;
const EXAMPLE_LENGTH_MAX = 300;
const COLOURS = { holds: 32, BROKEN: 31, 'not checked': 33 } as const;
const WORD_WIDTH = 'not checked'.length;

/** The verdicts as lines to print, the last of which counts them. */
export function reportLines(verdicts: readonly Verdict[], { colours = false }: ReportOptions = {}): string[] {
  return [...verdicts.flatMap((verdict) => linesOf(verdict, colours)), summaryOf(verdicts)];
}

/** E.g. `18 hold, 0 broken, 5 not checked`. */
export function summaryOf(verdicts: readonly Verdict[]): string {
  const count = (word: Verdict['verdict']) => verdicts.filter(({ verdict }) => verdict === word).length;
  return `${count('holds')} hold, ${count('broken')} broken, ${count('not checked')} not checked`;
}

function linesOf(verdict: Verdict, colours: boolean): string[] {
  const { id, says } = verdict;
  const indent = ' '.repeat(id.length + WORD_WIDTH + 4);
  const head = (word: keyof typeof COLOURS) => {
    const padded = word.padEnd(WORD_WIDTH);
    return `${id}  ${colours ? `\u001b[${COLOURS[word]}m${padded}\u001b[0m` : padded}  ${says}`;
  };
  switch (verdict.verdict) {
    case 'holds':
      return [head('holds'), ...verdict.notes.map((note) => `${indent}(${note})`)];
    case 'not checked':
      return [head('not checked'), `${indent}(${verdict.why})`];
    case 'broken': {
      const { violations } = verdict;
      const examples = violations.slice(0, EXAMPLES_MAX).map(({ check, row }) => `${indent}${check}: ${rowText(row)}`);
      const more = violations.length - examples.length;
      return [head('BROKEN'), ...examples, ...(more > 0 ? [`${indent}… and ${more} more`] : [])];
    }
  }
}

function rowText(row: Record<string, unknown>): string {
  const fields = Object.entries(row).map(([name, value]) => `${name} ${valueText(value)}`);
  const text = fields.join(', ');
  return text.length > EXAMPLE_LENGTH_MAX ? `${storableText(text, EXAMPLE_LENGTH_MAX)}…` : text;
}

function valueText(value: unknown): string {
  if (value instanceof Date) return value.toISOString();
  if (typeof value === 'bigint') return value.toString();
  return JSON.stringify(value, (_key, inner: unknown) => (typeof inner === 'bigint' ? inner.toString() : inner)) ?? '-';
}
