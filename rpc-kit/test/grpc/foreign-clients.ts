import type { DescMessage } from '@bufbuild/protobuf';
import { Code as ConnectCode, ConnectError, createClient as createConnectClient } from '@connectrpc/connect';
import { compressionGzip, createGrpcTransport } from '@connectrpc/connect-node';
import { credentials, Client as GrpcJsClient, Metadata, type ServiceError } from '@grpc/grpc-js';
import { codec, decode, encode, messageOf, subjectService } from './subject.ts';

/** A call through a client that is not ours. */
export interface ForeignCall {
  readonly value?: Record<string, unknown>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface ForeignAnswer {
  readonly message: Record<string, unknown>;
  readonly headers: ReadonlyMap<string, string>;
}

/** An error as every gRPC client shows it. */
export class ForeignError extends Error {
  readonly code: number;
  readonly statusBytes: Uint8Array | undefined;
  readonly trailers: ReadonlyMap<string, string>;

  constructor(
    code: number,
    message: string,
    statusBytes: Uint8Array | undefined,
    trailers: ReadonlyMap<string, string>,
  ) {
    super(message);
    this.code = code;
    this.statusBytes = statusBytes;
    this.trailers = trailers;
  }
}

export interface ForeignClient extends Disposable {
  /** @throws {ForeignError} */
  call(method: string, call?: ForeignCall): Promise<ForeignAnswer>;
  /** The items of a stream. */
  stream(method: string, call?: ForeignCall): AsyncIterable<Record<string, unknown>>;
}

export interface ForeignClientOptions {
  readonly gzip?: boolean;
}

const pathOf = (method: string): string => codec.byName.get(method)?.path ?? `/${codec.serviceName}/${method}`;
const rpcNameOf = (method: string): string => pathOf(method).slice(pathOf(method).lastIndexOf('/') + 1);

function messagesOf(method: string): { readonly request: DescMessage; readonly response: DescMessage } {
  return { request: messageOf(`${rpcNameOf(method)}Request`), response: messageOf(`${rpcNameOf(method)}Response`) };
}

/** @grpc/grpc-js */
export function createGrpcJsClient(port: number, { gzip = false }: ForeignClientOptions = {}): ForeignClient {
  const client = new GrpcJsClient(`127.0.0.1:${port}`, credentials.createInsecure(), {
    'grpc.default_compression_algorithm': gzip ? 2 : 0,
    'grpc.max_receive_message_length': -1,
    'grpc.enable_retries': 0,
  });
  const metadataOf = (headers: Readonly<Record<string, string>> = {}): Metadata => {
    const metadata = new Metadata();
    for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
    return metadata;
  };
  const deadlineOf = ({ timeoutMs }: ForeignCall) =>
    timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };
  return {
    call(method, call = {}) {
      const { request, response } = messagesOf(method);
      return new Promise((resolve, reject) => {
        let headers = new Metadata();
        const sent = client.makeUnaryRequest(
          pathOf(method),
          (value: Record<string, unknown>) => encode(request, value),
          (bytes: Buffer) => decode(response, bytes) as unknown as Record<string, unknown>,
          call.value ?? {},
          metadataOf(call.headers),
          deadlineOf(call),
          (error, message) => {
            if (error) reject(fromGrpcJs(error));
            else resolve({ message: message as Record<string, unknown>, headers: textsOf(headers) });
          },
        );
        sent.on('metadata', (received) => {
          headers = received;
        });
        call.signal?.addEventListener('abort', () => sent.cancel());
      });
    },
    async *stream(method, call = {}) {
      const { request, response } = messagesOf(method);
      const items = client.makeServerStreamRequest(
        pathOf(method),
        (value: Record<string, unknown>) => encode(request, value),
        (bytes: Buffer) => decode(response, bytes) as unknown as Record<string, unknown>,
        call.value ?? {},
        metadataOf(call.headers),
        deadlineOf(call),
      );
      try {
        yield* items;
      } catch (error) {
        throw fromGrpcJs(error as ServiceError);
      }
    },
    [Symbol.dispose]: () => client.close(),
  };
}

function textsOf(metadata: Metadata): ReadonlyMap<string, string> {
  return new Map(Object.entries(metadata.getMap()).map(([name, value]) => [name, String(value)]));
}

function fromGrpcJs({ code, details, metadata }: ServiceError): ForeignError {
  const [bytes] = metadata.get('grpc-status-details-bin');
  return new ForeignError(code, details, bytes as Buffer | undefined, textsOf(metadata));
}

/** @connectrpc/connect with the gRPC protocol */
export function createConnectRpcClient(port: number, { gzip = false }: ForeignClientOptions = {}): ForeignClient {
  const transport = createGrpcTransport({
    baseUrl: `http://127.0.0.1:${port}`,
    ...(gzip ? { sendCompression: compressionGzip, compressMinBytes: 0 } : {}),
  });
  const client = createConnectClient(subjectService, transport) as unknown as Record<
    string,
    (value: unknown, options: object) => Promise<Record<string, unknown>> & AsyncIterable<Record<string, unknown>>
  >;
  const localNameOf = (method: string): string =>
    subjectService.methods.find(({ name }) => name === rpcNameOf(method))?.localName ?? method;
  return {
    async call(method, { value = {}, ...options } = {}) {
      const headers = new Map<string, string>();
      const onHeader = (received: Headers): void => {
        for (const [name, text] of received) headers.set(name, text);
      };
      try {
        const message = await (client[localNameOf(method)] as NonNullable<(typeof client)[string]>)(value, {
          ...options,
          onHeader,
        });
        return { message, headers };
      } catch (error) {
        throw fromConnect(error);
      }
    },
    async *stream(method, { value = {}, ...options } = {}) {
      try {
        yield* (client[localNameOf(method)] as NonNullable<(typeof client)[string]>)(value, options);
      } catch (error) {
        throw fromConnect(error);
      }
    },
    [Symbol.dispose]() {},
  };
}

function fromConnect(thrown: unknown): ForeignError {
  const error = ConnectError.from(thrown, ConnectCode.Unknown);
  const value = error.metadata.get('grpc-status-details-bin');
  const bytes = value === null ? undefined : Buffer.from(value, 'base64');
  return new ForeignError(error.code, error.rawMessage, bytes, new Map(error.metadata));
}
