import type { Registry } from 'prom-client';
import type { Call, Emit, Interceptor } from '../call.ts';
import type { Code } from '../code.ts';
import { toRpcError } from '../rpc-error.ts';
import { knownMethod, perMethod } from './per-method.ts';
import {
  type TalliedCounter,
  type TalliedGauge,
  type TalliedHistogram,
  talliedCounterIn,
  talliedGaugeIn,
  talliedHistogramIn,
} from './tallies.ts';
import type { Distribution, Tally } from './tally.ts';

/** Seconds. From a cached read to the longest timeout of a contract, each about twice the one before. */
const DURATION_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20];

/** Counts and times the calls that a service answers: `rpc_server_*{service,method[,code]}`. Streams are counted, with their items. */
export function serverMetrics(registry: Registry): Interceptor {
  return recordCalls(createInstruments(registry, 'server', 'answered', 'sent', ['service', 'method']), (call) => ({
    service: call.service,
    method: knownMethod(call),
  }));
}

/** Counts and times the calls that a client makes: `rpc_client_*{peer,method[,code]}`. */
export function clientMetrics(registry: Registry): Interceptor {
  return recordCalls(createInstruments(registry, 'client', 'made', 'received', ['peer', 'method']), (call) => ({
    peer: call.service,
    method: knownMethod(call),
  }));
}

type Labels = Record<string, string>;

interface Instruments {
  readonly requests: TalliedCounter;
  readonly seconds: TalliedHistogram;
  readonly items: TalliedCounter;
  readonly inFlight: TalliedGauge;
}

function createInstruments(
  registry: Registry,
  side: string,
  done: string,
  passed: string,
  labelNames: string[],
): Instruments {
  const prefix = `rpc_${side}`;
  return {
    requests: talliedCounterIn(registry, {
      name: `${prefix}_requests_total`,
      help: `Calls ${done}, by outcome.`,
      labelNames: [...labelNames, 'code'],
    }),
    seconds: talliedHistogramIn(registry, {
      name: `${prefix}_duration_seconds`,
      help: `How long calls ${done} took, but for streams.`,
      labelNames,
      buckets: DURATION_BUCKETS,
    }),
    items: talliedCounterIn(registry, {
      name: `${prefix}_stream_items_total`,
      help: `Items of streams ${passed}.`,
      labelNames,
    }),
    inFlight: talliedGaugeIn(registry, { name: `${prefix}_in_flight`, help: 'Calls under way.', labelNames }),
  };
}

function recordCalls(instruments: Instruments, labelsOf: (call: Call) => Labels): Interceptor {
  const seriesOf = perMethod((call) => createSeries(instruments, labelsOf(call)));

  return (next) => async (call) => {
    const { seconds, inFlight, requests, items } = seriesOf(call);
    const { startedAt = performance.now() } = call;
    let code: Outcome = 'ok';
    inFlight.value += 1;
    try {
      return await next(call.emit ? { ...call, emit: counted(call.emit, items) } : call);
    } catch (error) {
      code = toRpcError(error).code;
      throw error;
    } finally {
      inFlight.value -= 1;
      // A stream is as long as its reader wants it.
      if (!call.emit) seconds.observe((performance.now() - startedAt) / 1000);
      requests(code).value += 1;
    }
  };
}

/** Counts what the receiver has taken. */
function counted(emit: Emit, items: Tally): Emit {
  return async (item) => {
    await emit(item);
    items.value += 1;
  };
}

type Outcome = Code | 'ok';

/** The instruments of one method. Their labels are looked up once, because the lookup costs more than the counting. */
interface Series {
  readonly seconds: Distribution;
  readonly items: Tally;
  readonly inFlight: Tally;
  readonly requests: (code: Outcome) => Tally;
}

function createSeries({ requests, seconds, items, inFlight }: Instruments, labels: Labels): Series {
  const byCode = new Map<Outcome, Tally>();
  return {
    seconds: seconds.series(labels),
    items: items.series(labels),
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
