import type { Call } from '../call.ts';
import type { CallLogFields } from './log-fields.ts';
import { knownMethod } from './per-method.ts';

/**
 * The fields of the line of a call that succeeded. Their class lets a logger recognize the most frequent line of a service, and
 * write it faster than others.
 */
export class CallLine {
  readonly method: string;
  readonly caller: string | undefined;
  readonly code = 'ok';
  readonly ms: number;
  readonly #scope: CallLogFields | undefined;

  constructor(call: Call, ms: number, scope: CallLogFields | undefined) {
    this.method = knownMethod(call);
    this.caller = call.caller.name;
    this.ms = ms;
    this.#scope = scope;
  }

  /** The fields of the log scope if they are those of the call alone. They are no fields of the line: `logScope` adds them. */
  get scope(): CallLogFields | undefined {
    return this.#scope;
  }
}
