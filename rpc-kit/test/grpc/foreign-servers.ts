import { once } from 'node:events';
import { createServer as createHttp2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { DescMessage } from '@bufbuild/protobuf';
import { type Code as ConnectCode, ConnectError, type HandlerContext } from '@connectrpc/connect';
import { compressionGzip, connectNodeAdapter } from '@connectrpc/connect-node';
import { Metadata, Server, ServerCredentials, type ServerUnaryCall, type ServerWritableStream } from '@grpc/grpc-js';
import { codec, decode, encode, messageOf, subjectService } from './subject.ts';

/** A server that is not ours, with the methods of the subject that need no handler of a test. */
export interface ForeignServer extends AsyncDisposable {
  readonly port: number;
  /** How many calls of `wait` their callers have left. */
  readonly left: () => number;
  /** Metadata of the last call of `echo`. */
  readonly lastMetadata: () => ReadonlyMap<string, string>;
}

type Value = Record<string, unknown>;

/** What `refuse` answers, whatever it is asked for. */
export const REFUSAL = { status: 5, message: 'It is not there: 100 % 🚀' } as const;

/** @grpc/grpc-js */
export async function startGrpcJsServer(): Promise<ForeignServer> {
  const server = new Server({ 'grpc.default_compression_algorithm': 2 });
  let left = 0;
  let metadata = new Metadata();
  const handlers = {
    echo(call: ServerUnaryCall<Value, Value>, done: (error: null, value: Value) => void) {
      metadata = call.metadata;
      done(null, call.request);
    },
    refuse(_call: unknown, done: (error: object) => void) {
      done({ code: REFUSAL.status, details: REFUSAL.message });
    },
    wait(call: ServerUnaryCall<Value, Value>) {
      call.on('cancelled', () => {
        left += 1;
      });
    },
    count(call: ServerWritableStream<{ to: number }, Value>) {
      for (let number = 1; number <= call.request.to; number++) call.write({ number });
      call.end();
    },
  };
  const definition = Object.fromEntries(Object.keys(handlers).map((name) => [name, definitionOf(name)]));
  server.addService(definition as never, handlers as never);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  return {
    port,
    left: () => left,
    lastMetadata: () => new Map(Object.entries(metadata.getMap()).map(([name, value]) => [name, String(value)])),
    [Symbol.asyncDispose]: async () => server.forceShutdown(),
  };
}

function definitionOf(name: string) {
  const { path = '', isStream = false } = codec.byName.get(name) ?? {};
  const rpcName = path.slice(path.lastIndexOf('/') + 1);
  const [request, response]: DescMessage[] = [messageOf(`${rpcName}Request`), messageOf(`${rpcName}Response`)];
  return {
    path,
    requestStream: false,
    responseStream: isStream,
    requestDeserialize: (bytes: Buffer) => decode(request as DescMessage, bytes),
    responseSerialize: (value: Value) => encode(response as DescMessage, value),
  };
}

/** @connectrpc/connect-node */
export async function startConnectServer(): Promise<ForeignServer> {
  let left = 0;
  let headers = new Headers();
  const handler = connectNodeAdapter({
    acceptCompression: [compressionGzip],
    compressMinBytes: 100,
    routes(router) {
      router.service(subjectService, {
        echo(request: Value, context: HandlerContext) {
          headers = context.requestHeader;
          return request;
        },
        refuse() {
          throw new ConnectError(REFUSAL.message, REFUSAL.status as ConnectCode);
        },
        async wait(_request: Value, { signal }: HandlerContext) {
          await once(signal, 'abort');
          left += 1;
          // The caller's own deadline is to end the call, whichever clock is ahead.
          return new Promise(() => {});
        },
        async *count({ to }: Value) {
          for (let number = 1; number <= Number(to); number++) yield { number };
        },
      } as never);
    },
  });
  const server = createHttp2Server(handler);
  const sessions = new Set<{ destroy(): void }>();
  server.on('session', (session) => sessions.add(session));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    left: () => left,
    lastMetadata: () => new Map(headers),
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const session of sessions) session.destroy();
      await closed;
    },
  };
}
