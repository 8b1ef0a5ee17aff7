import { accounts } from 'accounts/contract.ts';
import { checkout } from 'checkout/contract.ts';
import { loms } from 'loms/contract.ts';
import { notifications } from 'notifications/contract.ts';
import { products } from 'products/contract.ts';
import { type ParamsOf, type ResultOf, resultSchemaOf } from 'rpc-kit';
import { HistoryError, type Operation } from './history.ts';

/** The methods of the calls in a history. */
export const METHODS = {
  ...accounts.methods,
  ...loms.methods,
  ...checkout.methods,
  ...products.methods,
  ...notifications.methods,
};
export type MethodName = keyof typeof METHODS;

/** A call parsed by its contract: 64-bit integers are bigints. */
export interface Call<Name extends MethodName> {
  readonly args: ParamsOf<(typeof METHODS)[Name]>;
  /** Only where the result is ok. */
  readonly answer: ResultOf<(typeof METHODS)[Name]> | undefined;
  readonly result: Operation['result'];
  /** The reason of a refusal. */
  readonly code: string | undefined;
  readonly data: unknown;
  readonly client: string;
  /** The user of the access token, for calls through the gateway. */
  readonly actsFor: bigint | undefined;
  readonly startedMs: number;
  readonly endedMs: number;
}

/** Most rules read the same calls, so each call is parsed once. */
const known = new WeakMap<readonly Operation[], Map<MethodName, unknown>>();

/** The calls of a method, in the order of the file. Calls with invalid params are left out: they had no effect. */
export function callsOf<Name extends MethodName>(history: readonly Operation[], name: Name): readonly Call<Name>[] {
  const ofHistory = known.get(history) ?? new Map<MethodName, unknown>();
  known.set(history, ofHistory);
  const calls =
    ofHistory.get(name) ?? history.filter(({ op }) => op === name).flatMap((done) => toCall(done, name) ?? []);
  ofHistory.set(name, calls);
  return calls as readonly Call<Name>[];
}

function toCall<Name extends MethodName>(operation: Operation, name: Name): Call<Name> | undefined {
  const method = METHODS[name];
  const args = method.params.safeParse(operation.args);
  const isOk = operation.result === 'ok';
  if (!args.success) {
    if (isOk) throw contradiction(operation, `the params of an ok ${name}`);
    return undefined;
  }
  const answer = isOk ? resultSchemaOf(method).safeParse(operation.answer) : undefined;
  if (answer?.success === false) throw contradiction(operation, `the answer of ${name}`);
  return {
    args: args.data as Call<Name>['args'],
    answer: answer?.data as Call<Name>['answer'],
    result: operation.result,
    code: operation.result === 'fail' ? operation.code : undefined,
    data: operation.result === 'fail' ? operation.data : undefined,
    client: operation.client,
    actsFor: operation.actsFor,
    startedMs: operation.startedAt.getTime(),
    endedMs: operation.endedAt.getTime(),
  };
}

function contradiction({ client, startedAt }: Operation, what: string): HistoryError {
  return new HistoryError(
    `The history does not match the contracts: ${what} (${client}, ${startedAt.toISOString()}) is invalid.`,
  );
}

/** Whether the first call had certainly ended when the second started. Equal milliseconds of two clients are undecided. */
export function isBefore(first: Timed, second: Timed): boolean {
  return first.client === second.client ? first.endedMs <= second.startedMs : first.endedMs < second.startedMs;
}

type Timed = Pick<Call<MethodName>, 'client' | 'startedMs' | 'endedMs'>;
