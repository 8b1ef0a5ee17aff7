import { inspect } from 'node:util';
import { type Refusal, refusalsBetween, type Schema } from './schema-refusals.ts';

/**
 * Whom a change breaks: `callers` that were written for the contract before it, when the service changes first; `services` that still
 * implement the contract before it, when a caller changes first.
 */
export type Party = 'callers' | 'services';

/** A difference between two schemas, and whom it breaks. */
export interface SchemaChange {
  readonly sentence: string;
  readonly breaks: readonly Party[];
}

/** Callers write params and services read them. */
export function paramChanges(before: Schema, after: Schema): SchemaChange[] {
  const nameOf = ({ path }: Refusal) => (path === '' ? 'the params' : `the param "${path}"`);
  const unread = refusalsBetween(before, after);
  const refused = new Set(unread.filter(({ kind }) => kind === 'unknown').map(({ path }) => path));
  return merged([
    ...unread.map((refusal) => unreadParam(refusal, nameOf(refusal))),
    ...refusalsBetween(after, before).flatMap(
      (refusal) => newParam(refusal, nameOf(refusal), refused.has(refusal.path)) ?? [],
    ),
  ]);
}

/** Services write results, details and events, and callers read them. */
export function resultChanges(before: Schema, after: Schema, whole: string): SchemaChange[] {
  const nameOf = ({ path }: Refusal) => (path === '' ? whole : `"${path}" of ${whole}`);
  return merged([
    ...refusalsBetween(after, before).map((refusal) => unreadResult(refusal, nameOf(refusal))),
    ...refusalsBetween(before, after).map((refusal) => newResult(refusal, nameOf(refusal))),
  ]);
}

/** What callers of before write and services of after refuse. */
function unreadParam(refusal: Refusal, name: string): SchemaChange {
  switch (refusal.kind) {
    case 'absent':
      return refusal.isRequired
        ? { sentence: `${name} is required now.`, breaks: ['callers'] }
        : { sentence: `${name} is new.`, breaks: [] };
    case 'unknown':
      return { sentence: `${name} is no longer accepted.`, breaks: ['callers'] };
    case 'choice':
      return { sentence: `${name} no longer accepts ${refusal.value}.`, breaks: ['callers'] };
    case 'keyword':
      return { sentence: keywordSentence(name, refusal.keyword, refusal.given, refusal.accepted), breaks: ['callers'] };
  }
}

/** What callers of after write and services of before refuse. */
function newParam(refusal: Refusal, name: string, isRefused: boolean): SchemaChange | undefined {
  switch (refusal.kind) {
    case 'absent':
      if (!refusal.isRequired) {
        return refusal.isKnown || isRefused ? undefined : { sentence: `${name} is gone, and is ignored.`, breaks: [] };
      }
      return { sentence: refusal.isKnown ? `${name} is optional now.` : `${name} was required.`, breaks: ['services'] };
    case 'unknown':
      return { sentence: `${name} is new.`, breaks: ['services'] };
    case 'choice':
      return { sentence: `${name} accepts ${refusal.value} now.`, breaks: ['services'] };
    case 'keyword':
      return {
        sentence: keywordSentence(name, refusal.keyword, refusal.accepted, refusal.given),
        breaks: ['services'],
      };
  }
}

/** What services of after write and callers of before do not know, or miss. */
function unreadResult(refusal: Refusal, name: string): SchemaChange {
  switch (refusal.kind) {
    case 'absent':
      return { sentence: refusal.isKnown ? `${name} may be missing now.` : `${name} is gone.`, breaks: ['callers'] };
    case 'unknown':
      return { sentence: `${name} is new, and earlier callers refuse new members there.`, breaks: ['callers'] };
    case 'choice':
      return {
        sentence: `${name} may be ${refusal.value} now, which earlier callers do not know.`,
        breaks: ['callers'],
      };
    case 'keyword':
      return { sentence: keywordSentence(name, refusal.keyword, refusal.accepted, refusal.given), breaks: ['callers'] };
  }
}

/** What services of before write and callers of after do not know, or miss. */
function newResult(refusal: Refusal, name: string): SchemaChange {
  switch (refusal.kind) {
    case 'absent':
      if (refusal.isKnown) return { sentence: `${name} is never missing now.`, breaks: ['services'] };
      return { sentence: `${name} is new.`, breaks: refusal.isRequired ? ['services'] : [] };
    case 'unknown':
      return { sentence: `${name} is gone.`, breaks: ['services'] };
    case 'choice':
      return { sentence: `${name} is no longer ${refusal.value}.`, breaks: ['services'] };
    case 'keyword':
      return {
        sentence: keywordSentence(name, refusal.keyword, refusal.given, refusal.accepted),
        breaks: ['services'],
      };
  }
}

function keywordSentence(name: string, keyword: string, before: unknown, after: unknown): string {
  const show = (value: unknown): string =>
    value === undefined
      ? 'none'
      : typeof value === 'object'
        ? inspect(value, { breakLength: Infinity })
        : String(value);
  return `${name} had the ${keyword} ${show(before)}, and has ${show(after)} now.`;
}

/** A change that breaks both parties is found from both sides, in the same words. */
function merged(changes: readonly SchemaChange[]): SchemaChange[] {
  const parties = new Map<string, Set<Party>>();
  for (const { sentence, breaks } of changes) {
    parties.set(sentence, new Set([...(parties.get(sentence) ?? []), ...breaks]));
  }
  return [...parties].map(([sentence, breaks]) => ({ sentence, breaks: [...breaks] }));
}
