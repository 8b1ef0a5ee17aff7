import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { discardBody } from './answer.ts';
import { ArrivingBody, alreadyRead } from './arriving-body.ts';
import type { FallibleBodyReader, MountedRequest } from './carried.ts';
import type { HttpLimits } from './limits.ts';

/** A request of another server. */
export class NodeRequest implements MountedRequest {
  readonly #message: IncomingMessage & { readonly originalUrl?: string };
  readonly #limits: HttpLimits;
  #body: ArrivingBody | undefined;

  constructor(message: IncomingMessage, limits: HttpLimits) {
    this.#message = message;
    this.#limits = limits;
  }

  get method(): string | undefined {
    return this.#message.method;
  }

  /** Express cuts the path below which a handler is mounted off `url`. */
  get url(): string | undefined {
    return this.#message.originalUrl ?? this.#message.url;
  }

  get headers(): IncomingHttpHeaders {
    return this.#message.headers;
  }

  get headersDistinct(): NodeJS.Dict<string[]> {
    return this.#message.headersDistinct;
  }

  get rawHeaders(): string[] {
    return this.#message.rawHeaders;
  }

  get httpVersion(): string {
    return this.#message.httpVersion;
  }

  get httpVersionMajor(): number {
    return this.#message.httpVersionMajor;
  }

  get socket(): IncomingMessage['socket'] {
    return this.#message.socket;
  }

  get complete(): boolean {
    return this.#message.complete;
  }

  readBody(reader: FallibleBodyReader): void {
    const message = this.#message;
    if (message.readableDidRead) throw alreadyRead();
    const body = new ArrivingBody(reader, this.#limits.requestTimeoutMs);
    this.#body = body;
    if (message.readableEnded) {
      body.end();
      return;
    }
    message.on('data', (part: Buffer) => body.add(part));
    message.once('end', () => body.end());
  }

  stopReading(): void {
    this.#body?.stop();
    this.#message.pause();
  }

  /** Nobody waits for the body. node:http reads the rest of it where the connection stays open. */
  leave(): void {
    this.#body?.stop();
  }

  discardBody(limits: HttpLimits): Promise<void> {
    return discardBody(this.#message, limits);
  }
}
