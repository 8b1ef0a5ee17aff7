import type { Canceller } from '../../deadline.ts';
import type { Metadata } from '../../http/metadata.ts';
import type { ConcurrencyLimit, Priority } from '../../serving/concurrency-limit.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Tally } from '../../telemetry/tally.ts';
import type { DetailsMessages } from '../status.ts';
import type { Answers, GrpcMetrics, OpenStreams } from './grpc-metrics.ts';
import type { ArrivingBytes } from './incoming-message.ts';
import type { GrpcLimits } from './limits.ts';

interface AnyRoute {
  readonly answers: Answers;
  /** Clients without a certificate may call it: probes have none. */
  readonly isOpen?: boolean;
}

/** What a call passes to its route besides the message. */
export interface ReceivedContext {
  readonly metadata: Metadata;
  readonly caller: Canceller;
  readonly answerHeaders: Map<string, string>;
  /** Sends a message of a stream. Resolves when it may be followed by another one, and rejects when the caller has left. */
  emit(message: Uint8Array): Promise<void>;
}

/** One message in; one out, or a stream of them. */
export interface CallRoute extends AnyRoute {
  readonly kind: 'call';
  /** It answers with a stream of messages, which ends when the server stops. */
  readonly isStream: boolean;
  /** Undefined: it is served by a full service, too. */
  readonly priority: Priority | undefined;
  /** Counts calls that are refused because the service is full. */
  readonly shed: Tally | undefined;
  readonly details: DetailsMessages | undefined;
  /** @returns the answer; `undefined` at the end of a stream, whose messages were emitted */
  execute(message: Uint8Array, context: ReceivedContext): Promise<Uint8Array | undefined>;
}

/** Any number of messages, both ways, without a call of the service: health and reflection. */
export interface StreamRoute extends AnyRoute {
  readonly kind: 'stream';
  readonly details?: undefined;
  open(channel: Channel): Receiver;
}

/** The server's side of a stream of messages. */
export interface Channel {
  send(message: Uint8Array): void;
  /** Ends the stream with a status. */
  finish(error?: unknown): void;
}

/** The client's messages. What it throws ends the stream. */
export interface Receiver {
  message(bytes: Uint8Array): void;
  end(): void;
  closed(): void;
}

export interface Stoppable {
  stop(): void;
}

export type Route = CallRoute | StreamRoute;

export interface Router {
  /** By path. */
  readonly routes: ReadonlyMap<string, Route>;
  /** The domain of errors: the full name of the service. */
  readonly domain: string;
  readonly limits: GrpcLimits;
  readonly admission: ConcurrencyLimit | undefined;
  readonly metrics: GrpcMetrics;
  /** Answers of paths that do not exist. */
  readonly unknown: Answers;
  readonly logger: Logger;
  readonly arriving: ArrivingBytes;
  readonly open: OpenStreams;
  /** Streams that would not end by themselves when the server stops. */
  readonly streams: Set<Stoppable>;
}
