import { type Code, isCode } from '../code.ts';
import { describeWrong } from '../http/urls.ts';
import { checkWhole, describeWhole, parseWhole } from '../schema/whole-number.ts';

/** What goes wrong with a share of the calls. */
export type Fault = DelayFault | AbortFault | DropFault;

interface Target {
  /** `*` means every method. */
  readonly method: string;
  /** Of its calls, above 0 and up to 1. */
  readonly share: number;
}

/** The call begins later. */
export interface DelayFault extends Target {
  readonly kind: 'delay';
  readonly ms: number;
}

/** The call does not take place, and fails with the code. */
export interface AbortFault extends Target {
  readonly kind: 'abort';
  readonly code: AbortCode;
}

/**
 * The call takes place, and its caller never learns how it ended: it fails as `unavailable`, or it fails at its deadline. A stream
 * breaks behind its first item.
 */
export interface DropFault extends Target {
  readonly kind: 'drop';
  readonly code: DropCode;
}

/** Codes that every method may answer, so that no caller meets one that the documents do not list. */
const ABORT_CODES = ['unavailable', 'resource_exhausted', 'deadline_exceeded', 'aborted', 'internal'] as const;
const DROP_CODES = ['unavailable', 'deadline_exceeded'] as const;
/** A code with which a call may be aborted. */
export type AbortCode = (typeof ABORT_CODES)[number];
/** A code with which a dropped answer may end. */
export type DropCode = (typeof DROP_CODES)[number];

/** Contracts rarely have a longer timeout, and a longer delay would only hold memory. */
const DELAY_MS = { min: 1, max: 60_000 };
const SEED = { min: 0, max: 2 ** 32 - 1 };
/** More are a mistake; each is drawn for every call of its method. */
const FAULTS_MAX = 50;

/** Faults, and the seed of the choices among them. */
export interface FaultPlan {
  readonly faults: readonly Fault[];
  /** Repeats the choices of an earlier run. Unset: chosen at random. */
  readonly seed?: number | undefined;
}

/** @throws {RangeError} for the first value outside its range */
export function checkFaults({ faults, seed = 0 }: FaultPlan): void {
  checkWhole({ seed }, { seed: SEED });
  if (faults.length > FAULTS_MAX) throw new RangeError(`there are ${faults.length} faults, but at most ${FAULTS_MAX}`);
  for (const fault of faults) {
    const { method, share } = fault;
    if (!(share > 0 && share <= 1)) {
      throw new RangeError(`the share of ${method} is ${share}, but has to be above 0 and at most 1`);
    }
    if (fault.kind === 'delay') checkWhole(fault, { ms: DELAY_MS });
    else if (!codesOf(fault.kind).includes(fault.code)) {
      throw new RangeError(
        `the code of ${method} is ${fault.code}, but has to be one of ${codesOf(fault.kind).join(', ')}`,
      );
    }
  }
}

const FORM = 'method:delay:share:ms, method:abort:share:code, method:drop:share or seed:number, separated by commas';
const SHARE = /^(?:1|0\.\d{1,9})$/;

/**
 * Reads faults from a text, such as an environment variable: `createOrder:drop:0.1,*:delay:0.05:200,seed:7`.
 * - `method:delay:share:ms`
 * - `method:abort:share:code`
 * - `method:drop:share`, or `method:drop:share:deadline_exceeded`
 *
 * @throws {TypeError} whose message begins with "it"
 */
export function parseFaults(text: string): FaultPlan {
  const faults: Fault[] = [];
  let seed: number | undefined;
  for (const item of text.split(',').map((each) => each.trim())) {
    const parts = item.split(':');
    const number = parts.length === 2 && parts[0] === 'seed' ? parseWhole(parts[1] as string, SEED) : undefined;
    if (number === undefined) faults.push(parseFault(item, parts));
    else if (seed === undefined) seed = number;
    else throw new TypeError('it has two seeds');
  }
  if (faults.length === 0) throw new TypeError('it has a seed, but no fault');
  if (faults.length > FAULTS_MAX)
    throw new TypeError(`it has ${faults.length} faults, but at most ${FAULTS_MAX} may be set`);
  return { faults, seed };
}

function parseFault(item: string, [method = '', kind, shareText = '', value, ...rest]: readonly string[]): Fault {
  const refuse = (expected: string) => new TypeError(`it ${describeWrong(item, expected)}`);
  if (method === '' || rest.length > 0) throw refuse(FORM);
  const share = SHARE.test(shareText) ? Number(shareText) : 0;
  if (kind !== 'delay' && kind !== 'abort' && kind !== 'drop') throw refuse(FORM);
  if (share === 0) throw refuse(`${method}:${kind}: with a share above 0 and at most 1, such as 0.25`);
  if (kind === 'delay') {
    const ms = parseWhole(value ?? '', DELAY_MS);
    if (ms === undefined)
      throw refuse(`${method}:delay:${shareText}: with ${describeWhole(DELAY_MS)}, in milliseconds`);
    return { method, share, kind, ms };
  }
  const code = value ?? (kind === 'drop' ? 'unavailable' : '');
  const codes = codesOf(kind);
  if (!isCode(code) || !codes.includes(code))
    throw refuse(`${method}:${kind}:${shareText}: with one of ${codes.join(', ')}`);
  return { method, share, kind, code } as Fault;
}

function codesOf(kind: 'abort' | 'drop'): readonly Code[] {
  return kind === 'abort' ? ABORT_CODES : DROP_CODES;
}
