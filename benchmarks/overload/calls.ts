import { randomUUID } from 'node:crypto';
import { loms } from 'loms/contract.ts';
import { toRequest } from '../harness/connection.ts';
import { choose } from '../loms/scenario.ts';

/** Of ten calls: four make an order, four pay one, two read the stock of a sku. Spread, so that no kind comes in a row. */
const MIX = [
  'createOrder',
  'orderPayed',
  'createOrder',
  'orderPayed',
  'stocks',
  'createOrder',
  'orderPayed',
  'createOrder',
  'orderPayed',
  'stocks',
] as const;

export type Kind = (typeof MIX)[number];
export const FACES = ['rpc', 'plain'] as const;
export type Face = (typeof FACES)[number];

/** One prepared call. */
export interface PreparedCall {
  readonly kind: Kind;
  readonly bytes: Buffer;
  /** From the contract: a later answer is of no use to the caller. */
  readonly timeoutMs: number;
  readonly orderID: string | undefined;
}

/** `refused` as overloaded, `failed` in any other way. */
export type Outcome = 'ok' | 'refused' | 'failed';

/** Orders that wait for their payment; bounded, so that a long run cannot fill the memory. */
const UNPAID_MAX = 50_000;

/** Prepares the calls of the mix in turn and keeps the orders that are still to be paid. */
export class CallMix {
  readonly #port: number;
  readonly #face: Face;
  readonly #unpaid: string[] = [];
  #calls = 0;

  constructor(port: number, face: Face) {
    this.#port = port;
    this.#face = face;
  }

  get unpaid(): number {
    return this.#unpaid.length;
  }

  next(): PreparedCall {
    const kind = MIX[this.#calls++ % MIX.length] as Kind;
    return this.prepare(kind === 'orderPayed' && this.#unpaid.length === 0 ? 'createOrder' : kind);
  }

  prepare(kind: Kind): PreparedCall {
    const { user, skus } = choose('spread');
    const orderID = kind === 'orderPayed' ? this.#unpaid.shift() : undefined;
    const params = {
      createOrder: () =>
        `{"user":${user},"items":[${skus.map((sku) => `{"sku":${sku},"count":1}`)}],"idempotencyKey":"${randomUUID()}"}`,
      orderPayed: () => `{"orderID":${orderID}}`,
      stocks: () => `{"sku":${skus[0]}}`,
    }[kind]();
    const bytes =
      this.#face === 'plain'
        ? toRequest(this.#port, `/${kind}`, params)
        : toRequest(this.#port, '/rpc', `{"jsonrpc":"2.0","id":1,"method":"${kind}","params":${params}}`);
    return { kind, bytes, timeoutMs: loms.methods[kind].timeoutMs, orderID };
  }

  /** Reads the answer; `undefined` when the connection broke. An order whose payment was refused is offered again. */
  outcomeOf({ kind, orderID }: PreparedCall, answer: { status: number; body: Buffer } | undefined): Outcome {
    const text = answer?.body.toString('latin1') ?? '';
    const outcome = !answer || text.includes('"error"') ? failureOf(text) : 'ok';
    const unpaid =
      kind === 'createOrder' ? /"orderID":(\d+)/.exec(text)?.[1] : outcome === 'refused' ? orderID : undefined;
    if (unpaid !== undefined && this.#unpaid.length < UNPAID_MAX) this.#unpaid.push(unpaid);
    return outcome;
  }
}

function failureOf(text: string): Outcome {
  return text.includes('"overloaded"') ? 'refused' : 'failed';
}
