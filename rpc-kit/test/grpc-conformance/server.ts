import { randomUUID } from 'node:crypto';
import type { OutgoingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { pino } from 'pino';
import { GRPC_LIMITS, vendoredCodec } from 'rpc-kit/grpc';
import { encodeBinary, GRPC_HEADERS } from '../../src/grpc/metadata.ts';
import { answerStream } from '../../src/grpc/server/exchange.ts';
import { UNMEASURED } from '../../src/grpc/server/grpc-metrics.ts';
import { createListener } from '../../src/grpc/server/listener.ts';
import type { Router } from '../../src/grpc/server/router.ts';
import { serviceRoutes } from '../../src/grpc/server/service-routes.ts';
import type { Header, Messages, ServerRequest } from './messages.ts';
import { createConformanceCodec, createConformanceService, type OpenExchange } from './service.ts';

/** Serves the service of the suite as `serveGrpc` would, with own headers and trailers beside those of the face. */
export async function startConformanceServer(messages: Messages, request: ServerRequest): Promise<{ port: number }> {
  const { useTls, serverCreds, clientTlsCert, messageReceiveLimit } = request;
  const exchanges = new Map<string, OpenExchange>();
  const service = createConformanceService(messages, (id) => exchanges.get(id) as OpenExchange);
  const codec = createConformanceCodec(messages);
  const limits = { ...GRPC_LIMITS, ...(messageReceiveLimit > 0 && { messageBytesMax: messageReceiveLimit }) };
  const open = { calls: 0, streams: 0 };
  const metrics = UNMEASURED.streamsOf(open);
  const routes = serviceRoutes(service, {
    codec,
    answerBytesMax: limits.answerBytesMax,
    metrics,
    shedOf: UNMEASURED.shedOf,
  });
  const router: Router = {
    // With TLS, services answer only clients that have a certificate; those of the suite have none.
    routes: new Map([...routes].map(([path, route]) => [path, { ...route, isOpen: true }])),
    domain: codec.serviceName,
    limits,
    admission: undefined,
    metrics,
    unknown: metrics.answersOf('other'),
    logger: pino({ level: 'error' }, pino.destination(2)),
    arriving: { total: 0 },
    open,
    streams: new Set(),
  };
  const textOf = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString();
  const files = { cert: textOf(serverCreds?.cert), key: textOf(serverCreds?.key), ca: textOf(clientTlsCert) };
  const listener = createListener({
    limits,
    metrics,
    tls: useTls ? () => files : undefined,
    answer(connection, stream, headers, rawHeaders) {
      // The call is found again by its request id.
      const id = randomUUID();
      exchanges.set(id, openExchange(stream, rawHeaders));
      stream.once('close', () => exchanges.delete(id));
      answerStream(router, connection, stream, { ...headers, 'x-request-id': id }, rawHeaders);
    },
  });
  return listener.listen({ host: '127.0.0.1', port: 0 });
}

/** Adds trailers to those that the face sends. */
function openExchange(stream: ServerHttp2Stream, rawHeaders: readonly string[]): OpenExchange {
  const trailers: Record<string, string> = {};
  const withOwn = (headers: OutgoingHttpHeaders): OutgoingHttpHeaders => {
    // The suite refuses details that it did not ask for: those of the face have tests of their own.
    const { [GRPC_HEADERS.details]: _, ...rest } = headers;
    return { ...rest, ...trailers };
  };
  const [respond, sendTrailers] = [stream.respond.bind(stream), stream.sendTrailers.bind(stream)];
  stream.respond = (headers, options) => respond(options?.endStream ? withOwn(headers as never) : headers, options);
  stream.sendTrailers = (headers) => sendTrailers(withOwn(headers));
  return {
    requestHeaders: toHeaders(rawHeaders),
    addTrailers(added) {
      for (const { name, value } of added) trailers[name.toLowerCase()] = value.join(', ');
    },
    setDetails({ code, details }, message) {
      if (details.length === 0) return;
      const status = vendoredCodec('google.rpc.Status').encode({ code, message, details });
      trailers[GRPC_HEADERS.details] = encodeBinary(status);
    },
  };
}

function toHeaders(rawHeaders: readonly string[]): Header[] {
  const values = new Map<string, string[]>();
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const [name = '', value = ''] = rawHeaders.slice(index, index + 2);
    if (name.startsWith(':')) continue;
    const known = values.get(name);
    if (known) known.push(value);
    else values.set(name, [value]);
  }
  return [...values].map(([name, value]) => ({ name, value }));
}
