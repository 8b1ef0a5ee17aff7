import type { IncomingHttpHeaders } from 'node:http';
import { RpcError } from '../../rpc-error.ts';
import { ArrivingBody, alreadyRead } from './arriving-body.ts';
import type { FallibleBodyReader, MountedRequest, RequestHead } from './carried.ts';
import type { HttpLimits } from './limits.ts';
import { callerLeft } from './pending-answer.ts';
import { readHeaders } from './request.ts';

/** A Request as node:http would have parsed it. */
export class FetchRequest implements MountedRequest {
  readonly method: string;
  /** The path with its query. */
  readonly url: string;
  /** Names and values alternate. Headers that were repeated are joined. */
  readonly rawHeaders: string[];
  readonly headers: IncomingHttpHeaders;
  readonly httpVersion = '1.1';
  readonly httpVersionMajor = 1;
  readonly socket: RequestHead['socket'];
  /** The host reads the rest of a body, or closes the connection. */
  readonly complete = true;
  readonly #request: Request;
  readonly #limits: HttpLimits;
  #body: ArrivingBody | undefined;
  #stream: ReadableStreamDefaultReader<Uint8Array> | undefined;

  constructor(request: Request, address: string | undefined, limits: HttpLimits) {
    const { host, pathname, search } = new URL(request.url);
    this.#request = request;
    this.#limits = limits;
    this.method = request.method;
    this.url = pathname + search;
    this.rawHeaders = [...request.headers].flat();
    // Hosts leave it out where the URL has it.
    if (!request.headers.has('host')) this.rawHeaders.push('host', host);
    this.headers = readHeaders(this.rawHeaders) ?? {};
    this.socket = { localAddress: undefined, remoteAddress: address, destroySoon() {} };
  }

  get headersDistinct(): NodeJS.Dict<string[]> {
    return Object.fromEntries([...this.#request.headers].map(([name, value]) => [name, [value]]));
  }

  readBody(reader: FallibleBodyReader): void {
    const { body, bodyUsed } = this.#request;
    if (bodyUsed || body?.locked) throw alreadyRead();
    const arriving = new ArrivingBody(reader, this.#limits.requestTimeoutMs);
    this.#body = arriving;
    if (body === null) {
      arriving.end();
      return;
    }
    this.#stream = body.getReader();
    void read(this.#stream, arriving);
  }

  stopReading(): void {
    this.#body?.stop();
    this.#stream?.cancel().catch(() => {});
  }

  /** The caller has left. */
  leave(): void {
    this.#body?.fail(callerLeft());
  }

  async discardBody(): Promise<void> {}
}

async function read(stream: ReadableStreamDefaultReader<Uint8Array>, body: ArrivingBody): Promise<void> {
  try {
    for (let part = await stream.read(); !part.done; part = await stream.read()) {
      const { buffer, byteOffset, byteLength } = part.value;
      body.add(Buffer.from(buffer, byteOffset, byteLength));
    }
    body.end();
  } catch (error) {
    body.fail(new RpcError('cancelled', 'The caller went away before it had sent the body', { cause: error }));
  }
}
