import type { ServerResponse } from 'node:http';
import type { CarriedResponse } from './carried.ts';

/**
 * The response of another server, whose host may answer while the call is in flight, e.g. after a timeout of its own. From then on it counts
 * as destroyed: nothing of this kit is added to the host's answer.
 */
export class NodeResponse implements CarriedResponse {
  readonly #response: ServerResponse;
  headersSent = false;

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  get destroyed(): boolean {
    const { destroyed, writableEnded, headersSent } = this.#response;
    return destroyed || writableEnded || headersSent !== this.headersSent;
  }

  get writableNeedDrain(): boolean {
    return this.#response.writableNeedDrain;
  }

  get statusCode(): number {
    return this.#response.statusCode;
  }

  writeHead(status: number, headers: Record<string, string> | string[]): void {
    // Middleware that wraps this method, e.g. with on-headers 1.0, misreads a list.
    this.#response.writeHead(status, Array.isArray(headers) ? toRecord(headers) : headers);
    this.headersSent = true;
  }

  write(text: string): boolean {
    return this.#response.write(text);
  }

  end(text: string, encoding: 'latin1' | 'utf8', onFinish?: () => void): void {
    // Middleware that wraps `end`, e.g. compression and express-session, drops its callback.
    if (onFinish) this.#response.once('finish', onFinish);
    this.#response.end(text, encoding);
  }

  destroy(): void {
    if (!this.destroyed) this.#response.destroy();
  }

  once(event: 'drain' | 'close', listener: () => void): void {
    this.#response.once(event, listener);
  }
}

/** Names and values alternate. */
function toRecord(list: readonly string[]): Record<string, string> {
  const record: Record<string, string> = {};
  for (let index = 0; index < list.length; index += 2) record[list[index] as string] = list[index + 1] as string;
  return record;
}
