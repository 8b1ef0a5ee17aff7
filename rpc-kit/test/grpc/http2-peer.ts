import { once } from 'node:events';
import {
  createSecureServer,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type SecureServerOptions,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { frameMessage, PREFIX_BYTES } from '../../src/grpc/framing.ts';

/** A peer on node:http2 that answers each call with one message, and keeps what it received. */
export interface Http2Peer extends AsyncDisposable {
  readonly port: number;
  readonly received: { readonly headers: IncomingHttpHeaders; readonly message: Buffer }[];
  /** Trailers of further answers; by default the status OK. */
  trailers: Record<string, string>;
}

export async function createHttp2Peer(message: Uint8Array, tls?: SecureServerOptions): Promise<Http2Peer> {
  const server: Http2Server = tls ? createSecureServer(tls) : createServer();
  const sessions = new Set<{ destroy(): void }>();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
  });
  server.on('sessionError', () => {});
  const answer = async (stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<void> => {
    stream.on('error', () => {});
    const body = await buffer(stream).catch(() => undefined);
    if (!body) return;
    peer.received.push({ headers, message: body.subarray(PREFIX_BYTES) });
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers(peer.trailers));
    stream.end(frameMessage(message));
  };
  server.on('stream', (stream, headers) => void answer(stream as ServerHttp2Stream, headers));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const peer: Http2Peer = {
    port: (server.address() as AddressInfo).port,
    received: [],
    trailers: { 'grpc-status': '0' },
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const session of sessions) session.destroy();
      await closed;
    },
  };
  return peer;
}
