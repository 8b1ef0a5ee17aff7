import type { Registry } from 'prom-client';
import type { Call, Interceptor } from '../call.ts';
import type { Code } from '../code.ts';
import { toRpcError } from '../rpc-error.ts';
import { knownMethod, perMethod } from './per-method.ts';
import {
  type Distribution,
  type TalliedCounter,
  type TalliedGauge,
  type TalliedHistogram,
  type Tally,
  talliedCounterIn,
  talliedGaugeIn,
  talliedHistogramIn,
} from './tallies.ts';

/** Seconds. From a cached read to the longest timeout of a contract, each about twice the one before. */
const DURATION_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20];

/** Counts and times the calls that a service answers: `rpc_server_*{service,method[,code]}`. */
export function serverMetrics(registry: Registry): Interceptor {
  return recordCalls(createInstruments(registry, 'server', 'answered', ['service', 'method']), (call) => ({
    service: call.service,
    method: knownMethod(call),
  }));
}

/** Counts and times the calls that a client makes: `rpc_client_*{peer,method[,code]}`. */
export function clientMetrics(registry: Registry): Interceptor {
  return recordCalls(createInstruments(registry, 'client', 'made', ['peer', 'method']), (call) => ({
    peer: call.service,
    method: knownMethod(call),
  }));
}

type Labels = Record<string, string>;

interface Instruments {
  readonly requests: TalliedCounter;
  readonly seconds: TalliedHistogram;
  readonly inFlight: TalliedGauge;
}

function createInstruments(registry: Registry, side: string, done: string, labelNames: string[]): Instruments {
  const prefix = `rpc_${side}`;
  return {
    requests: talliedCounterIn(registry, {
      name: `${prefix}_requests_total`,
      help: `Calls ${done}, by outcome.`,
      labelNames: [...labelNames, 'code'],
    }),
    seconds: talliedHistogramIn(registry, {
      name: `${prefix}_duration_seconds`,
      help: `How long calls ${done} took.`,
      labelNames,
      buckets: DURATION_BUCKETS,
    }),
    inFlight: talliedGaugeIn(registry, { name: `${prefix}_in_flight`, help: 'Calls under way.', labelNames }),
  };
}

function recordCalls(instruments: Instruments, labelsOf: (call: Call) => Labels): Interceptor {
  const seriesOf = perMethod((call) => createSeries(instruments, labelsOf(call)));

  return (next) => async (call) => {
    const { seconds, inFlight, requests } = seriesOf(call);
    const { startedAt = performance.now() } = call;
    let code: Outcome = 'ok';
    inFlight.value += 1;
    try {
      return await next(call);
    } catch (error) {
      code = toRpcError(error).code;
      throw error;
    } finally {
      inFlight.value -= 1;
      seconds.observe((performance.now() - startedAt) / 1000);
      requests(code).value += 1;
    }
  };
}

type Outcome = Code | 'ok';

/** The instruments of one method. Their labels are looked up once, because the lookup costs more than the counting. */
interface Series {
  readonly seconds: Distribution;
  readonly inFlight: Tally;
  readonly requests: (code: Outcome) => Tally;
}

function createSeries({ requests, seconds, inFlight }: Instruments, labels: Labels): Series {
  const byCode = new Map<Outcome, Tally>();
  return {
    seconds: seconds.series(labels),
    inFlight: inFlight.series(labels),
    requests(code) {
      const known = byCode.get(code);
      if (known) return known;
      const made = requests.series({ ...labels, code });
      byCode.set(code, made);
      return made;
    },
  };
}
