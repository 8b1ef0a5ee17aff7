import { type ClientHttp2Session, connect } from 'node:http2';
import { createClient as createConnectClient } from '@connectrpc/connect';
import { createGrpcTransport as createConnectTransport } from '@connectrpc/connect-node';
import { credentials, Client as GrpcJsClient } from '@grpc/grpc-js';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { createClient, type Interceptor } from 'rpc-kit';
import { createGrpcTransport } from 'rpc-kit/grpc';
import { clientLogging } from 'rpc-kit/logging';
import { clientMetrics } from 'rpc-kit/metrics';
import { clientTracing } from 'rpc-kit/tracing';
import { loms } from '../rpc-kit/contract.ts';
import type { MethodName, OrderParams, StocksParams } from '../rpc-kit/work.ts';
import { WORK } from '../rpc-kit/work.ts';
import type { ClientName } from './contenders.ts';
import { codec, decode, encode, lomsService, PLAIN } from './contract.ts';

/** Makes the benchmark's call of a method and resolves to its result. */
export type MakeCall = (method: MethodName) => Promise<unknown>;

const PREFIX_BYTES = 5;

export function createCall(name: ClientName, port: number): MakeCall {
  switch (name) {
    case 'bare':
      return withHttp2(port);
    case 'grpc':
      return withRpcKit(port, [clientTracing(), clientMetrics(new Registry()), clientLogging(pino({ level: 'warn' }))]);
    case 'grpc-off':
      return withRpcKit(port, []);
    case 'grpc-js':
      return withGrpcJs(port);
    case 'connect':
      return withConnect(port);
  }
}

function withHttp2(port: number): MakeCall {
  const session: ClientHttp2Session = connect(`http://127.0.0.1:${port}`);
  return (method) => {
    const { path, request, response, params } = PLAIN[method];
    return new Promise((resolve, reject) => {
      const message = encode(request, params);
      const frame = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
      frame[0] = 0;
      frame.writeUInt32BE(message.length, 1);
      frame.set(message, PREFIX_BYTES);
      const stream = session.request({
        ':method': 'POST',
        ':path': path,
        'content-type': 'application/grpc',
        te: 'trailers',
      });
      const parts: Buffer[] = [];
      stream.on('data', (part: Buffer) => parts.push(part));
      stream.on('trailers', (trailers) => {
        if (trailers['grpc-status'] === '0') resolve(decode(response, Buffer.concat(parts).subarray(PREFIX_BYTES)));
        else reject(new Error(`gRPC status ${trailers['grpc-status']}`));
      });
      stream.on('error', reject);
      stream.end(frame);
    });
  };
}

function withRpcKit(port: number, interceptors: readonly Interceptor[]): MakeCall {
  const transport = createGrpcTransport(`grpc://127.0.0.1:${port}`, { codec, userAgent: 'benchmark/1.0.0' });
  const client = createClient(loms, transport, { interceptors });
  const { user, items } = WORK.createOrder.params as OrderParams;
  const order = { user: BigInt(user), items: [...items] };
  const stocks = WORK.stocks.params as StocksParams;
  return (method) => (method === 'createOrder' ? client.createOrder(order) : client.stocks(stocks));
}

function withGrpcJs(port: number): MakeCall {
  const client = new GrpcJsClient(`127.0.0.1:${port}`, credentials.createInsecure());
  return (method) => {
    const { path, request, response, params } = PLAIN[method];
    return new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        path,
        (value: Record<string, unknown>) => Buffer.from(encode(request, value)),
        (bytes: Buffer) => decode(response, bytes),
        params,
        (error, value) => (error ? reject(error) : resolve(value)),
      );
    });
  };
}

function withConnect(port: number): MakeCall {
  const transport = createConnectTransport({ baseUrl: `http://127.0.0.1:${port}` });
  const client = createConnectClient(lomsService, transport) as unknown as Record<
    MethodName,
    (value: unknown) => Promise<unknown>
  >;
  return (method) => client[method](PLAIN[method].params);
}
