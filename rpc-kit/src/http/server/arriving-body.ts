import { RpcError } from '../../rpc-error.ts';
import { HttpRefusal } from './body.ts';
import type { FallibleBodyReader } from './carried.ts';

/** The reader of a body for which a mounted service waits, and for how long: hosts commonly set no limit, or one of minutes. */
export class ArrivingBody {
  readonly #reader: FallibleBodyReader;
  readonly #timer: NodeJS.Timeout;
  #isOver = false;

  constructor(reader: FallibleBodyReader, timeoutMs: number) {
    this.#reader = reader;
    this.#timer = setTimeout(() => this.fail(tooLate()), timeoutMs);
  }

  add(part: Buffer): void {
    if (!this.#isOver) this.#reader.onPart(part);
  }

  end(): void {
    if (this.stop()) this.#reader.onEnd();
  }

  fail(error: unknown): void {
    if (this.stop()) this.#reader.onFailure(error);
  }

  /** @returns whether it was still arriving */
  stop(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    clearTimeout(this.#timer);
    return true;
  }
}

function tooLate(): HttpRefusal {
  return new HttpRefusal(408, 'The request took too long to arrive');
}

/** A parsed body cannot be used: a parser of JSON rounds the integers that this kit keeps exact. */
export function alreadyRead(): RpcError {
  return new RpcError(
    'internal',
    'Another handler has read the body of the request: mount the service before body parsers, e.g. before express.json()',
  );
}
