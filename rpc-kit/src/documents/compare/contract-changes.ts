import type { ContractFace, MethodFace } from './contract-face.ts';
import { type Party, paramChanges, resultChanges, type SchemaChange } from './schema-changes.ts';

export type { Party };

/** A difference between two versions of a contract. */
export interface Change {
  /** `buy`, a method or an event. */
  readonly subject: string;
  /** What has changed, as a sentence about the subject. */
  readonly sentence: string;
  /** Empty for a change that breaks neither. */
  readonly breaks: readonly Party[];
}

const BOTH: readonly Party[] = ['callers', 'services'];
/** From the method that may be repeated least. */
const RETRY_SAFETY = ['never', 'with-idempotency-key', 'safe'];

/** All differences that callers or services can notice. Summaries, descriptions and examples are not compared. */
export function contractChanges(before: ContractFace, after: ContractFace): Change[] {
  return [
    ...changesOfMembers(before.methods, after.methods, 'the method', changesOfMethod),
    ...changesOfMembers(before.events, after.events, 'the event', (old, now) => resultChanges(old, now, 'the event')),
  ];
}

function changesOfMembers<Face>(
  before: Readonly<Record<string, Face>>,
  after: Readonly<Record<string, Face>>,
  kind: string,
  changesOf: (before: Face, after: Face) => SchemaChange[],
): Change[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return names.flatMap((subject): Change[] => {
    const [old, now] = [ownOf(before, subject), ownOf(after, subject)];
    if (!now) return [{ subject, sentence: `${kind} is gone.`, breaks: ['callers'] }];
    if (!old) return [{ subject, sentence: `${kind} is new.`, breaks: ['services'] }];
    return changesOf(old, now).map((change) => ({ subject, ...change }));
  });
}

/** A method may have the name `constructor`, which every object has. */
function ownOf<T>(members: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(members, name) ? members[name] : undefined;
}

function changesOfMethod(before: MethodFace, after: MethodFace): SchemaChange[] {
  return [
    ...paramChanges(before.params, after.params),
    ...resultChanges(before.result, after.result, 'the result'),
    ...changesOfCallers(before.callers, after.callers),
    ...changesOfErrors(before.errors, after.errors),
    ...changesOfLimits(before, after),
  ];
}

function changesOfCallers(before: readonly string[], after: readonly string[]): SchemaChange[] {
  const lost = before.filter((caller) => !after.includes(caller));
  const gained = after.filter((caller) => !before.includes(caller));
  return [
    ...lost.map((caller): SchemaChange => ({ sentence: `${caller} may no longer call it.`, breaks: ['callers'] })),
    ...gained.map((caller): SchemaChange => ({ sentence: `${caller} may call it now.`, breaks: ['services'] })),
  ];
}

type Errors = MethodFace['errors'];

/** A new reason breaks neither: its code says what to do about it. Code that handles a reason that is gone does not compile. */
function changesOfErrors(before: Errors, after: Errors): SchemaChange[] {
  const reasons = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return reasons.flatMap((reason): SchemaChange[] => {
    const [old, now] = [ownOf(before, reason), ownOf(after, reason)];
    const name = `the reason ${reason}`;
    if (!now) return [{ sentence: `${name} is gone.`, breaks: ['callers'] }];
    if (!old) return [{ sentence: `${name} is new.`, breaks: [] }];
    const changes: SchemaChange[] = [];
    if (old.code !== now.code)
      changes.push({ sentence: `${name} had the code ${old.code}, and has ${now.code} now.`, breaks: BOTH });
    if (old.details && !now.details)
      changes.push({ sentence: `${name} has no details any more.`, breaks: ['callers'] });
    if (!old.details && now.details) changes.push({ sentence: `${name} has details now.`, breaks: ['services'] });
    if (old.details && now.details)
      changes.push(...resultChanges(old.details, now.details, `the details of ${reason}`));
    return changes;
  });
}

function changesOfLimits(before: MethodFace, after: MethodFace): SchemaChange[] {
  const changes: SchemaChange[] = [];
  const add = (sentence: string, breaks: readonly Party[]) => changes.push({ sentence, breaks });
  if (before.answer !== after.answer) {
    const isMore = after.answer.startsWith(before.answer);
    const isLess = before.answer.startsWith(after.answer);
    const breaks: readonly Party[] = isMore ? ['services'] : isLess ? ['callers'] : BOTH;
    add(`it answered with ${before.answer}, and answers with ${after.answer} now.`, breaks);
  }
  if (before.reads && !after.reads) add('it no longer only reads, so GET and free retries are refused.', ['callers']);
  if (!before.reads && after.reads) add('it only reads now.', ['services']);
  const isLess = RETRY_SAFETY.indexOf(after.retry) < RETRY_SAFETY.indexOf(before.retry);
  // A change of `reads` changes the retry with it, in the same direction.
  if (before.retry !== after.retry && (before.reads === after.reads || isLess !== before.reads)) {
    add(`its retry was ${before.retry}, and is ${after.retry} now.`, [isLess ? 'callers' : 'services']);
  }
  if (before.timeoutMs !== after.timeoutMs) {
    const breaks: Party[] = after.timeoutMs < before.timeoutMs ? ['callers'] : [];
    add(`its timeout was ${before.timeoutMs} ms, and is ${after.timeoutMs} ms now.`, breaks);
  }
  if (before.positions.join() !== after.positions.join()) {
    const [old, now] = [before.positions, after.positions].map((names) => names.join(', ') || 'none');
    const isPrefix = (short: readonly string[], long: readonly string[]) =>
      short.every((name, index) => name === long[index]);
    const breaks = BOTH.filter((party) =>
      party === 'callers' ? !isPrefix(before.positions, after.positions) : !isPrefix(after.positions, before.positions),
    );
    add(`its positions were ${old}, and are ${now} now.`, breaks);
  }
  return changes;
}
