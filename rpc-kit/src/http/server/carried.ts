import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Canceller } from '../../deadline.ts';
import type { HttpLimits } from './limits.ts';
import type { Abandonable } from './pending-answer.ts';

/**
 * What the faces and pages need of a request and its answer, whatever carries them: this kit's listener passes on objects of
 * node:http, a mounted service those of its host.
 */

type HeadMembers = 'method' | 'url' | 'headers' | 'headersDistinct' | 'rawHeaders' | 'httpVersion' | 'httpVersionMajor';

export interface RequestHead extends Pick<IncomingMessage, HeadMembers> {
  readonly socket: Pick<Socket, 'localAddress' | 'remoteAddress' | 'destroySoon'>;
}

/** Receives the body of a request. */
export interface BodyReader {
  onPart(part: Buffer): void;
  onEnd(): void;
}

export interface FallibleBodyReader extends BodyReader {
  /** The body will not arrive. Not called when the connection closes. */
  onFailure(error: unknown): void;
}

/** A request that the listener of another server received. */
export interface MountedRequest extends RequestHead {
  /** Whether nothing of the body is to come. */
  readonly complete: boolean;
  /** Passes on each part of the body, once. */
  readBody(reader: FallibleBodyReader): void;
  stopReading(): void;
  /** Reads a bounded part of a refused body, so that its sender receives the refusal. */
  discardBody(limits: HttpLimits): Promise<void>;
}

export interface CarriedResponse
  extends Pick<ServerResponse, 'headersSent' | 'destroyed' | 'writableNeedDrain' | 'statusCode'> {
  writeHead(status: number, headers: Record<string, string> | string[]): unknown;
  /** @returns whether there is room for more */
  write(text: string): boolean;
  end(text: string, encoding: 'latin1' | 'utf8', onFinish?: (error?: Error | null) => void): unknown;
  destroy(): unknown;
  once(event: 'drain' | 'close', listener: () => void): unknown;
}

/** An answer that is owed to a caller. It is cancelled when the caller leaves. */
export interface OwedAnswer extends Canceller {
  owner: Abandonable | undefined;
  /** The answer is sent. */
  settle(): void;
}
