/** One endpoint as its list names it. Other members than the URL are for `zone`, `canary` and weights of a balancer. */
export interface ListedEndpoint {
  readonly url: string;
  /** The part of the network whose failures it shares, e.g. a data centre. */
  readonly zone?: string | undefined;
  /** Calls in proportion to other endpoints, from 0.01 to 100. Default: 1. */
  readonly weight?: number | undefined;
  /** The version of the service that runs there. */
  readonly version?: string | undefined;
}

/** A URL alone is an endpoint without zone and version, of weight 1. */
export type EndpointEntry = string | ListedEndpoint;

/** Endpoints that change while a balancer runs, as those of `dnsEndpoints` do. */
export interface EndpointSource {
  /** Calls `update` with the current endpoints, once before it returns and again after each change, until it is disposed of. */
  start(update: (endpoints: readonly EndpointEntry[]) => void): Disposable;
}

/** Endpoints and sources of endpoints, which are used together. */
export type EndpointList = EndpointSource | readonly (EndpointEntry | EndpointSource)[];

const WEIGHT_MIN = 0.01;
const WEIGHT_MAX = 100;

/**
 * Calls `update` with the endpoints of all sources once before it returns, and again after each change of one. A source whose list is
 * empty keeps its last one. Of several entries of a URL, the last counts.
 *
 * @throws {RangeError} for a weight outside its range; the `update` of a source throws it, too, and the source keeps its last list
 */
export function startEndpoints(list: EndpointList, update: (endpoints: readonly ListedEndpoint[]) => void): Disposable {
  const items = 'start' in list ? [list] : list;
  const parts = items.map((item) => (isSource(item) ? [] : [toListed(item)]));
  const running: Disposable[] = [];
  let isStarted = false;

  function publish(): void {
    const byUrl = new Map(parts.flat().map((endpoint) => [endpoint.url, endpoint]));
    update([...byUrl.values()]);
  }

  function stop(): void {
    for (const source of running) source[Symbol.dispose]();
  }

  try {
    for (const [index, item] of items.entries()) {
      if (!isSource(item)) continue;
      const source = item.start((entries) => {
        if (entries.length === 0) return;
        parts[index] = entries.map(toListed);
        if (isStarted) publish();
      });
      running.push(source);
    }
    isStarted = true;
    publish();
  } catch (error) {
    stop();
    throw error;
  }
  return { [Symbol.dispose]: stop };
}

function isSource(item: EndpointEntry | EndpointSource): item is EndpointSource {
  return typeof item === 'object' && 'start' in item;
}

function toListed(entry: EndpointEntry): ListedEndpoint {
  const endpoint = typeof entry === 'string' ? { url: entry } : entry;
  const { weight = 1 } = endpoint;
  if (weight >= WEIGHT_MIN && weight <= WEIGHT_MAX) return endpoint;
  throw new RangeError(`The weight of an endpoint is ${weight}, but has to be from ${WEIGHT_MIN} to ${WEIGHT_MAX}`);
}
