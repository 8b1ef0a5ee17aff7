import type { AddressInfo, Server } from 'node:net';

export interface ListenAddress {
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
}

/**
 * Binds a server of HTTP or of gRPC. Callers that reconnect together wait for it in the kernel, which ignores those beyond the backlog
 * until they try again a second later. So the backlog has room for all that the server accepts; the default is 511.
 * @returns its address as a URL names it, without the scheme
 * @throws {Error} when the port is in use or the host cannot be bound
 */
export async function startListening(
  server: Server,
  { host, port: asked }: ListenAddress,
): Promise<{ readonly authority: string; readonly port: number }> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why =
        error.code === 'EADDRINUSE' ? 'is in use: stop what listens there or choose another port' : error.message;
      reject(new Error(`${host}:${asked} ${why}`, { cause: error }));
    });
    server.listen({ host, port: asked, backlog: server.maxConnections }, () => resolve());
  });
  const { port } = server.address() as AddressInfo;
  // RFC 3986, section 3.2.2: an IPv6 address stands in brackets.
  return { authority: `${host.includes(':') ? `[${host}]` : host}:${port}`, port };
}
