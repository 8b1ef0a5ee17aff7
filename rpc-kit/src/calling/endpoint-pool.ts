import type { Next } from '../call.ts';
import type { Transport } from '../client.ts';
import type { ListedEndpoint } from './endpoint-list.ts';
import { type CheckRecord, createCheckState } from './health-checks.ts';
import { createEjectionRecord, type EjectionRecord } from './outlier-ejection.ts';
import type { PeakEwma } from './peak-ewma.ts';
import type { SlowStartRecord } from './slow-start.ts';

/** An endpoint of a balancer, with what its mechanisms keep of it. */
export interface Endpoint extends EjectionRecord, CheckRecord, SlowStartRecord {
  /** The last entry of its URL. */
  listed: ListedEndpoint;
  readonly transport: Transport & AsyncDisposable;
  /** Of the transport. */
  readonly call: Next;
  readonly load: PeakEwma;
  /** Open streams. How long they last, and how many there are, says nothing about the load of the endpoint. */
  streams: number;
  /** It is no longer listed; its transport closes when its last call has ended. */
  left: boolean;
}

export interface EndpointPoolParts {
  connect(url: string): Pick<Endpoint, 'transport' | 'call' | 'load'>;
  joined(endpoint: Endpoint): void;
  left(endpoint: Endpoint): void;
}

/** The endpoints that are listed now, and the transports of those that have left but still have calls in flight. */
export class EndpointPool {
  readonly #parts: EndpointPoolParts;
  readonly #open = new Set<Endpoint>();
  readonly #closing = new Set<Promise<void>>();
  #isClosed = false;
  members: readonly Endpoint[] = [];
  /** Whether the weights of the members differ from 1. */
  isWeighted = false;

  constructor(parts: EndpointPoolParts) {
    this.#parts = parts;
  }

  /**
   * @returns whether the list was applied; an empty list is ignored
   * @throws whatever `connect` and `joined` throw; the members are as before then
   */
  update(list: readonly ListedEndpoint[]): boolean {
    if (list.length === 0 || this.#isClosed) return false;
    const known = new Map(this.members.map((endpoint) => [endpoint.listed.url, endpoint]));
    const joined = this.#joinAll(list.filter(({ url }) => !known.has(url)));
    this.members = list.map((listed) => {
      const endpoint = (known.get(listed.url) ?? joined.get(listed.url)) as Endpoint;
      known.delete(listed.url);
      endpoint.listed = listed;
      return endpoint;
    });
    this.isWeighted = list.some(({ weight = 1 }) => weight !== 1);
    for (const endpoint of known.values()) this.#leave(endpoint);
    return true;
  }

  closeIfLeft(endpoint: Endpoint): void {
    if (endpoint.left && endpoint.load.pending + endpoint.streams === 0) this.#close(endpoint);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.members = [];
    for (const endpoint of this.#open) this.#close(endpoint);
    await Promise.all(this.#closing);
  }

  #joinAll(list: readonly ListedEndpoint[]): ReadonlyMap<string, Endpoint> {
    const joined = new Map<string, Endpoint>();
    try {
      for (const listed of list) joined.set(listed.url, this.#join(listed));
      return joined;
    } catch (error) {
      for (const endpoint of joined.values()) this.#leave(endpoint);
      throw error;
    }
  }

  #join(listed: ListedEndpoint): Endpoint {
    const endpoint: Endpoint = {
      ...createEjectionRecord(),
      check: createCheckState(),
      startedAt: Number.NEGATIVE_INFINITY,
      listed,
      ...this.#parts.connect(listed.url),
      streams: 0,
      left: false,
    };
    this.#open.add(endpoint);
    try {
      this.#parts.joined(endpoint);
    } catch (error) {
      this.#close(endpoint);
      throw error;
    }
    return endpoint;
  }

  #leave(endpoint: Endpoint): void {
    endpoint.left = true;
    this.closeIfLeft(endpoint);
    this.#parts.left(endpoint);
  }

  #close(endpoint: Endpoint): void {
    if (!this.#open.delete(endpoint)) return;
    const closed = closeTransport(endpoint).finally(() => this.#closing.delete(closed));
    this.#closing.add(closed);
  }
}

/** No caller awaits the transport of an endpoint that has left, so a failure to close it is only reported. */
async function closeTransport({ transport }: Endpoint): Promise<void> {
  try {
    await transport[Symbol.asyncDispose]();
  } catch (error) {
    process.emitWarning(new Error('A transport could not be closed', { cause: error }));
  }
}
