import { createServer, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { Server as GrpcJsServer, ServerCredentials } from '@grpc/grpc-js';
import { serveGrpc } from 'rpc-kit/grpc';
import { grpcMetrics } from 'rpc-kit/metrics';
import { createMeasured } from '../rpc-kit/servers/rpc-kit.ts';
import type { ServerName } from './contenders.ts';
import { codec, decode, encode, lomsService, PLAIN } from './contract.ts';

const HOST = '127.0.0.1';
const PREFIX_BYTES = 5;

/** @returns the port */
export function startServer(name: ServerName): Promise<number> {
  switch (name) {
    case 'bare':
      return startBare();
    case 'grpc':
      return startRpcKit();
    case 'grpc-off':
      return startRpcKit('tracing,metrics,logging');
    case 'grpc-js':
      return startGrpcJs();
    case 'connect':
      return startConnect();
  }
}

/** The least that answers a unary call: no limits, no deadline, no checks of headers, no errors. */
function startBare(): Promise<number> {
  const byPath = new Map(Object.values(PLAIN).map((method) => [method.path, method]));
  const server = createServer();
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    const { request, response, handle } = byPath.get(String(headers[':path'])) ?? PLAIN.stocks;
    const parts: Buffer[] = [];
    stream.on('data', (part: Buffer) => parts.push(part));
    stream.on('end', () => {
      const [first = Buffer.alloc(0)] = parts;
      const body = parts.length === 1 ? first : Buffer.concat(parts);
      const message = encode(response, handle(decode(request, body.subarray(PREFIX_BYTES)) as never));
      const frame = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
      frame[0] = 0;
      frame.writeUInt32BE(message.length, 1);
      frame.set(message, PREFIX_BYTES);
      stream.respond({ ':status': 200, 'content-type': 'application/grpc+proto' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(frame);
    });
  });
  return new Promise((resolve) => {
    server.listen(0, HOST, () => resolve((server.address() as AddressInfo).port));
  });
}

async function startRpcKit(without?: string): Promise<number> {
  const { service, logger, registry } = createMeasured(without);
  const { port } = await serveGrpc(service, { host: HOST, port: 0, logger, metrics: grpcMetrics(registry), codec });
  return port;
}

/** Messages by protobuf-es, as the bare server has them. */
function startGrpcJs(): Promise<number> {
  const server = new GrpcJsServer();
  const definition = Object.entries(PLAIN).map(([name, { path, request, response }]) => [
    name,
    {
      path,
      requestStream: false,
      responseStream: false,
      requestDeserialize: (bytes: Buffer) => decode(request, bytes),
      requestSerialize: (value: Record<string, unknown>) => Buffer.from(encode(request, value)),
      responseDeserialize: (bytes: Buffer) => decode(response, bytes),
      responseSerialize: (value: Record<string, unknown>) => Buffer.from(encode(response, value)),
    },
  ]);
  const handlers = Object.entries(PLAIN).map(([name, { handle }]) => [
    name,
    (call: { request: never }, callback: (error: null, value: unknown) => void) => callback(null, handle(call.request)),
  ]);
  server.addService(Object.fromEntries(definition), Object.fromEntries(handlers));
  return new Promise((resolve, reject) => {
    server.bindAsync(`${HOST}:0`, ServerCredentials.createInsecure(), (error, port) => {
      if (error) reject(error);
      else resolve(port);
    });
  });
}

function startConnect(): Promise<number> {
  const { createOrder, stocks } = PLAIN;
  const handler = connectNodeAdapter({
    routes: (router) =>
      router.service(lomsService, { createOrder: createOrder.handle, stocks: stocks.handle } as never),
  });
  const server = createServer(handler);
  return new Promise((resolve) => {
    server.listen(0, HOST, () => resolve((server.address() as AddressInfo).port));
  });
}
