import { checkReadiness, type ReadinessSources } from '../../http/server/pages.ts';
import { RpcError } from '../../rpc-error.ts';
import { HEALTH_SERVICE } from '../metadata.ts';
import { vendoredCodec } from '../schema/vendored.ts';
import type { GrpcMetrics } from './grpc-metrics.ts';
import type { CallRoute, Channel, Receiver, StreamRoute } from './router.ts';

/** grpc.health.v1 (https://github.com/grpc/grpc/blob/master/doc/health-checking.md): the service is healthy while `/readyz` is. */

type HealthStatus = 'SERVING' | 'NOT_SERVING' | 'SERVICE_UNKNOWN';

const REQUEST = vendoredCodec('grpc.health.v1.HealthCheckRequest');
const RESPONSE = vendoredCodec('grpc.health.v1.HealthCheckResponse');

/** Watchers learn of a change within this time, and of a stop at once. */
const POLL_MS = 1_000;

export interface HealthParts extends ReadinessSources {
  /** The full name of the service. The empty name, of the whole server, means the same. */
  readonly serviceName: string;
  readonly metrics: GrpcMetrics;
}

export interface Health {
  readonly routes: ReadonlyMap<string, CallRoute | StreamRoute>;
  /** Tells every watcher that the service no longer serves. */
  stop(): void;
}

export function createHealth({ serviceName, metrics, ...sources }: HealthParts): Health {
  const watchers = new Set<Watcher>();
  let polling: NodeJS.Timeout | undefined;

  const isKnown = (name: string): boolean => name === '' || name === serviceName;
  const current = async (): Promise<HealthStatus> => {
    const { state } = await checkReadiness(sources);
    return state === 'ready' ? 'SERVING' : 'NOT_SERVING';
  };

  async function poll(): Promise<void> {
    const status = await current();
    for (const watcher of watchers) watcher.show(status);
  }

  function watch(watcher: Watcher): void {
    watchers.add(watcher);
    polling ??= setInterval(() => void poll(), POLL_MS).unref();
    void current().then((status) => watcher.show(status));
  }

  function leave(watcher: Watcher): void {
    watchers.delete(watcher);
    if (watchers.size > 0) return;
    clearInterval(polling);
    polling = undefined;
  }

  const check: CallRoute = {
    kind: 'call',
    isStream: false,
    answers: metrics.answersOf(`/${HEALTH_SERVICE}/Check`),
    isOpen: true,
    priority: undefined,
    shed: undefined,
    details: undefined,
    async execute(message) {
      const name = readServiceName(message);
      if (!isKnown(name)) throw new RpcError('not_found', 'There is no service of this name here');
      return toResponse(await current());
    },
  };

  const watchRoute: StreamRoute = {
    kind: 'stream',
    answers: metrics.answersOf(`/${HEALTH_SERVICE}/Watch`),
    isOpen: true,
    open: (channel) => new Watcher(channel, { isKnown, watch, leave }),
  };

  return {
    routes: new Map<string, CallRoute | StreamRoute>([
      [`/${HEALTH_SERVICE}/Check`, check],
      [`/${HEALTH_SERVICE}/Watch`, watchRoute],
    ]),
    stop() {
      for (const watcher of watchers) watcher.show('NOT_SERVING');
    },
  };
}

interface WatcherParts {
  readonly isKnown: (name: string) => boolean;
  readonly watch: (watcher: Watcher) => void;
  readonly leave: (watcher: Watcher) => void;
}

/** One stream of Watch. */
class Watcher implements Receiver {
  readonly #channel: Channel;
  readonly #parts: WatcherParts;
  #hasAsked = false;
  #shown: HealthStatus | undefined;

  constructor(channel: Channel, parts: WatcherParts) {
    this.#channel = channel;
    this.#parts = parts;
  }

  message(bytes: Uint8Array): void {
    if (this.#hasAsked) throw new RpcError('invalid_request', 'Watch takes one message');
    this.#hasAsked = true;
    if (this.#parts.isKnown(readServiceName(bytes))) this.#parts.watch(this);
    // The service may be served later; so this is no error.
    else this.show('SERVICE_UNKNOWN');
  }

  show(status: HealthStatus): void {
    if (status === this.#shown) return;
    this.#shown = status;
    this.#channel.send(toResponse(status));
  }

  end(): void {
    if (!this.#hasAsked) throw new RpcError('invalid_request', 'Watch takes one message');
  }

  closed(): void {
    this.#parts.leave(this);
  }
}

/** @throws {RpcError} for bytes that are no HealthCheckRequest */
function readServiceName(bytes: Uint8Array): string {
  return (REQUEST.decode(bytes) as { readonly service: string }).service;
}

function toResponse(status: HealthStatus): Uint8Array {
  return RESPONSE.encode({ status });
}
