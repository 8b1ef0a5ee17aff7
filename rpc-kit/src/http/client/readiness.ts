import type { TlsSource } from '../tls.ts';
import { createConnector } from './connector.ts';
import { createPool, toRpcFailure } from './exchange.ts';

/** Asks a peer whether it is ready. */
export interface ReadinessProbe extends AsyncDisposable {
  /** Rejects with an RpcError when the peer does not answer. */
  ask(signal: AbortSignal): Promise<boolean>;
}

export interface ReadinessProbeOptions {
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly tls: TlsSource | undefined;
}

/** The body says which check failed, which is for people. */
const BODY_BYTES_MAX = 16 * 1024;

/** `GET /readyz`, on a connection of its own: an answer that waits behind calls would say that a busy peer is not ready. */
export function createReadinessProbe(origin: string, { path, headers, tls }: ReadinessProbeOptions): ReadinessProbe {
  const connector = createConnector({ tls });
  const pool = createPool(origin, connector, 1);
  return {
    async ask(signal) {
      try {
        const { statusCode, body } = await pool.request({ method: 'GET', path, headers, signal });
        await body.dump({ limit: BODY_BYTES_MAX, signal });
        return statusCode >= 200 && statusCode < 300;
      } catch (error) {
        throw toRpcFailure(error, 'the peer', signal, connector);
      }
    },
    async [Symbol.asyncDispose]() {
      await pool.destroy();
    },
  };
}
