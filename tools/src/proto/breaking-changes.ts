import { inspect } from 'node:util';
import type { JsonFace, MethodFace } from './json-face.ts';
import { type Refusal, refusalsBetween, type Schema } from './schema-refusals.ts';

/** A sentence for each change that breaks callers of the JSON faces which were written for the release. */
export function breakingChanges(released: JsonFace, now: JsonFace): string[] {
  const methods = Object.entries(released.methods).flatMap(([name, before]) => {
    const after = now.methods[name];
    return after
      ? changesOfMethod(before, after).map((change) => `${name}: ${change}`)
      : [`${name}: the method is gone.`];
  });
  const events = Object.entries(released.events).flatMap(([name, before]) => {
    const after = now.events[name];
    const changes = after ? lossesOf(before, after, 'the event') : ['the event is gone.'];
    return changes.map((change) => `${name}: ${change}`);
  });
  return [...methods, ...events];
}

function changesOfMethod(before: MethodFace, after: MethodFace): string[] {
  const lostCallers = before.callers.filter((caller) => !after.callers.includes(caller));
  const positions = after.positions.slice(0, before.positions.length);
  const changes = [
    ...refusalsBetween(before.params, after.params).flatMap(describeParam),
    ...lossesOf(before.result, after.result, 'the result'),
    ...lostCallers.map((caller) => `${caller} may no longer call it.`),
    ...Object.entries(before.errors).flatMap(([reason, error]) => changesOfError(reason, error, after.errors[reason])),
  ];
  if (before.isStream !== after.isStream)
    changes.push(`it ${after.isStream ? 'is a stream now' : 'is no stream any more'}.`);
  if (before.reads && !after.reads) changes.push('it no longer only reads, so GET and free retries are refused.');
  if (positions.join() !== before.positions.join()) {
    changes.push(`its positions were ${before.positions.join(', ')}, and are ${positions.join(', ') || 'none'} now.`);
  }
  return changes;
}

type ErrorFace = MethodFace['errors'][string];

/** A reason that is gone breaks no caller. */
function changesOfError(reason: string, before: ErrorFace, after: ErrorFace | undefined): string[] {
  if (!after) return [];
  const code =
    before.code === after.code ? [] : [`the reason ${reason} had the code ${before.code}, and has ${after.code} now.`];
  if (!before.details) return code;
  if (!after.details) return [...code, `the reason ${reason} has no details any more.`];
  return [...code, ...lossesOf(before.details, after.details, `the details of ${reason}`)];
}

function describeParam(refusal: Refusal): string[] {
  const name = refusal.path === '' ? 'the params' : `the param "${refusal.path}"`;
  switch (refusal.kind) {
    case 'absent':
      return refusal.isRequired ? [`${name} is required now.`] : [];
    case 'unknown':
      return [`${name} is no longer accepted.`];
    case 'choice':
      return [`${name} no longer accepts ${refusal.value}.`];
    case 'keyword':
      return [describeKeyword(name, refusal.keyword, refusal.given, refusal.accepted)];
  }
}

/** Callers of the release read what the service sends now, so the schemas change places. */
function lossesOf(before: Schema, after: Schema, whole: string): string[] {
  return refusalsBetween(after, before).map((refusal) => describeLoss(refusal, whole));
}

function describeLoss(refusal: Refusal, whole: string): string {
  const name = refusal.path === '' ? whole : `"${refusal.path}" of ${whole}`;
  switch (refusal.kind) {
    case 'absent':
      return refusal.isKnown ? `${name} may be missing now.` : `${name} is gone.`;
    case 'unknown':
      return `${name} is new, and callers of the release refuse new members there.`;
    case 'choice':
      return `${name} may be ${refusal.value} now, which callers of the release do not know.`;
    case 'keyword':
      return describeKeyword(name, refusal.keyword, refusal.accepted, refusal.given);
  }
}

function describeKeyword(name: string, keyword: string, before: unknown, after: unknown): string {
  const show = (value: unknown): string =>
    value === undefined
      ? 'none'
      : typeof value === 'object'
        ? inspect(value, { breakLength: Infinity })
        : String(value);
  return `${name} had the ${keyword} ${show(before)}, and has ${show(after)} now.`;
}
