import {
  type CallOptions,
  type Client,
  type Code,
  type MethodContract,
  type Methods,
  type ParamsOf,
  type ResultOf,
  RpcError,
  type ServiceContract,
} from 'rpc-kit';

/**
 * The outcome of a call: `ok` it happened, `fail` it was refused for a reason that the contract declares, `info` anything
 * else (a timeout, a broken connection, a cancelled call): it may or may not have happened.
 */
export type Outcome<R> =
  | { readonly result: 'ok'; readonly answer: R }
  | { readonly result: 'fail'; readonly code: Code; readonly reason: string; readonly details: unknown }
  | {
      readonly result: 'info';
      readonly code: Code;
      readonly message: string;
      readonly retryAfterMs: number | undefined;
    };

/** A call that has ended. */
export interface RecordedCall {
  readonly client: string;
  /** The user of the access token, for calls through the gateway. */
  readonly actsFor?: bigint | undefined;
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly outcome: Outcome<unknown>;
  readonly startedAt: Date;
  readonly endedAt: Date;
  /** By the monotonic clock. */
  readonly elapsedMs: number;
}

/** A client whose calls never reject: they resolve to their outcome. */
export type RecordedClient<M extends Methods> = {
  readonly [K in keyof M]: (params: ParamsOf<M[K]>, options?: CallOptions) => Promise<Outcome<ResultOf<M[K]>>>;
};

export interface Recording {
  readonly name: string;
  /** Missing on the faces of the services, where calls name any user. */
  actsFor?(params: RecordedCall['params']): bigint;
  before(): Promise<void>;
  record(call: RecordedCall): void;
}

/**
 * Wraps a client so that every call is passed to `record`.
 * @param caller its `before` runs before each call; no call is made when it rejects
 */
export function recordCalls<M extends Methods>(
  contract: ServiceContract<M>,
  client: Client<M>,
  caller: Recording,
): RecordedClient<M> {
  const methods = Object.entries(contract.methods).map(([method, declared]) => {
    const send = client[method as keyof M] as (params: unknown, options?: CallOptions) => Promise<unknown>;
    const recorded = async (params: RecordedCall['params'], options?: CallOptions) => {
      await caller.before();
      const [startedAt, began] = [new Date(), performance.now()];
      const outcome = await settle(declared, send(params, options));
      const elapsedMs = performance.now() - began;
      const times = { startedAt, endedAt: new Date(), elapsedMs };
      caller.record({ client: caller.name, actsFor: caller.actsFor?.(params), method, params, outcome, ...times });
      return outcome;
    };
    return [method, recorded];
  });
  return Object.fromEntries(methods) as RecordedClient<M>;
}

async function settle(declared: MethodContract, calling: Promise<unknown>): Promise<Outcome<unknown>> {
  try {
    return { result: 'ok', answer: await calling };
  } catch (error) {
    if (!(error instanceof RpcError)) throw error;
    return toOutcome(declared, error);
  }
}

/** Only a declared reason is a refusal: a call that failed otherwise may have had an effect. */
function toOutcome(declared: MethodContract, error: RpcError): Outcome<never> {
  const { code, reason, details, message, retryAfterMs } = error;
  if (reason !== undefined && declared.errors?.[reason]?.code === code)
    return { result: 'fail', code, reason, details };
  return { result: 'info', code, message, retryAfterMs };
}
