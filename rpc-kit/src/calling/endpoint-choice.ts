import type { Call } from '../call.ts';
import type { Failure } from './failure.ts';
import type { PeakEwma } from './peak-ewma.ts';

/** The endpoints among which one attempt at a call chooses. */
export interface Candidates<E> {
  readonly listed: readonly E[];
  /** Those of them that may be called now. */
  readonly available: readonly E[];
}

export interface Attempt {
  readonly call: Call;
  /** An earlier attempt at the call did not reach its endpoint, which is no longer available to it. */
  readonly isFailover: boolean;
}

/** A mechanism that narrows the choice. A balancer asks its mechanisms in turn; the power of two choices decides among what is left. */
export interface ChoiceStep<E> {
  /** Never returns candidates of which none is available, unless it received such. */
  narrow(candidates: Candidates<E>, attempt: Attempt): Candidates<E>;
  /** An attempt has ended; without a failure, it has a result. */
  settled?(endpoint: E, call: Call, failure: Failure | undefined): void;
}

export function onlyThose<E>({ listed, available }: Candidates<E>, belongs: (endpoint: E) => boolean): Candidates<E> {
  return { listed: listed.filter(belongs), available: available.filter(belongs) };
}

interface Loaded {
  readonly load: PeakEwma;
}

/** The less loaded of two endpoints that are chosen at random and never the same, where there are two. */
export function chooseOfTwo<E extends Loaded>(endpoints: readonly E[], random: () => number): E | undefined {
  const first = Math.floor(random() * endpoints.length);
  // An offset from the first, so that both are never the same endpoint.
  const second = (first + 1 + Math.floor(random() * (endpoints.length - 1))) % endpoints.length;
  const [one, other] = [endpoints[first], endpoints[second]];
  return one && other && other.load.cost(1) < one.load.cost(1) ? other : one;
}

/**
 * The same in proportion to weights. Both are drawn by weight and may be the same endpoint. So an endpoint with the share w of all
 * weights gets w of the calls while loads are equal, w² when it is always the more loaded one, and 2w - w² when it never is.
 */
export function chooseOfTwoByWeight<E extends Loaded>(
  endpoints: readonly E[],
  weightOf: (endpoint: E) => number,
  random: () => number,
): E | undefined {
  const weighed = endpoints.map((endpoint) => ({ endpoint, weight: weightOf(endpoint) }));
  const [first] = weighed;
  if (!first || weighed.every(({ weight }) => weight === first.weight)) return chooseOfTwo(endpoints, random);
  const sum = weighed.reduce((total, { weight }) => total + weight, 0);

  function draw(): Weighed<E> | undefined {
    let rest = random() * sum;
    return weighed.find(({ weight }) => {
      rest -= weight;
      return rest < 0;
    });
  }

  /** Relative to the mean: an endpoint of twice the weight may have twice as many calls in flight. */
  function costOf({ endpoint, weight }: Weighed<E>): number {
    return endpoint.load.cost((weight * weighed.length) / sum);
  }

  // By rounding, the weights may fall short of their sum.
  const [one = first, other = first] = [draw(), draw()];
  return costOf(other) < costOf(one) ? other.endpoint : one.endpoint;
}

interface Weighed<E> {
  readonly endpoint: E;
  readonly weight: number;
}
