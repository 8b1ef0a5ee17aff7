import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { buildConnector } from 'undici';
import { outsideCalls } from '../../telemetry/log-scope.ts';
import { TLS_VERSIONS, type TlsFiles, type TlsSource } from '../tls.ts';

export interface ConnectorOptions {
  /** Certificates for an https peer. Unset: no own certificate, and the authorities that Node trusts. */
  readonly tls?: TlsSource | undefined;
}

/** Opens the connections of one pool. */
export interface Connector {
  readonly connect: buildConnector.connector;
  /** Whether a request failed because its connection could not be opened. */
  isOwnFailure(error: unknown): boolean;
}

/** A peer on the same network accepts a connection in milliseconds or not at all. It includes the handshake of TLS. */
const CONNECT_TIMEOUT_MS = 2_000;

export function createConnector({ tls }: ConnectorOptions): Connector {
  const failures = new WeakSet<Error>();
  let used: TlsFiles | undefined;
  let connect = connectorWith({});

  /** Open connections keep the files that they were opened with. */
  function current(): buildConnector.connector {
    const files = tls?.();
    if (files === used) return connect;
    used = files;
    connect = connectorWith({ ...files });
    return connect;
  }

  return {
    // A connection outlives the call that opens it.
    connect(options, callback) {
      outsideCalls(() =>
        current()(options, (...[error, socket]) => {
          if (error) {
            failures.add(error);
            callback(error, null);
          } else callback(null, socket as NonNullable<typeof socket>);
        }),
      );
    },
    isOwnFailure: (error) => error instanceof Error && failures.has(error),
  };
}

function connectorWith(files: SecureContextOptions): buildConnector.connector {
  return buildConnector({
    timeout: CONNECT_TIMEOUT_MS,
    // The peers of this client answer HTTP/1.1, for which its limits are made.
    allowH2: false,
    // A resumed session would not check the peer's certificate again.
    maxCachedSessions: 0,
    secureContext: createSecureContext({ ...files, ...TLS_VERSIONS }),
  });
}
