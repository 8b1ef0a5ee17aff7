import { GatheredBytes } from '../gathered-bytes.ts';
import { answerTooLarge } from './answer-body.ts';

/** An event as it arrived; the name of an item is ''. */
export interface SentEvent {
  readonly name: string;
  readonly data: Uint8Array;
}

const LF = 10;
const CR = 13;
const SPACE = 32;
const COLON = 58;
const LINE_BREAK = Uint8Array.of(LF);
const BYTE_ORDER_MARK = Uint8Array.of(0xef, 0xbb, 0xbf);

const ascii = new TextEncoder();
const DATA = ascii.encode('data');
const EVENT = ascii.encode('event');
const utf8 = new TextDecoder();

/** Reads server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream) within a limit. */
export class EventReader {
  readonly #bytesMax: number;
  readonly #onEvent: (event: SentEvent) => void;
  /** The beginning of a line whose end has not arrived. */
  #line = new GatheredBytes();
  #name = '';
  /** Of the event that arrives. Copied together: a list of its lines would take thirty times their bytes. */
  #data: GatheredBytes | undefined;
  /** The last chunk ended with CR, so LF at the beginning of the next one ends the same line. */
  #endedWithCR = false;
  #hasFirstLine = false;

  /** @param bytesMax of a line, and of an event */
  constructor(bytesMax: number, onEvent: (event: SentEvent) => void) {
    this.#bytesMax = bytesMax;
    this.#onEvent = onEvent;
  }

  /** @throws {RpcError} when a line or an event is larger than it may be */
  add(chunk: Uint8Array): void {
    let start = this.#endedWithCR && chunk[0] === LF ? 1 : 0;
    if (chunk.length > 0) this.#endedWithCR = false;
    let cr = indexOf(chunk, CR, start);
    for (;;) {
      const lf = indexOf(chunk, LF, start);
      // Most streams have no CR, and looking for it again in each line would take quadratic time.
      if (cr < start) cr = indexOf(chunk, CR, start);
      const end = Math.min(lf, cr);
      if (end === chunk.length) break;
      this.#endLine(chunk.subarray(start, end));
      start = end + 1;
      if (end !== cr) continue;
      if (start === chunk.length) this.#endedWithCR = true;
      else if (chunk[start] === LF) start += 1;
    }
    this.#addToLine(chunk.subarray(start));
  }

  #addToLine(part: Uint8Array): void {
    if (part.length === 0) return;
    this.#line.add(part);
    if (this.#line.length + (this.#data?.length ?? 0) > this.#bytesMax) throw answerTooLarge();
  }

  #endLine(rest: Uint8Array): void {
    if (this.#line.length === 0) {
      this.#readLine(rest);
      return;
    }
    this.#addToLine(rest);
    const line = this.#line.bytes();
    this.#line = new GatheredBytes();
    this.#readLine(line);
  }

  #readLine(read: Uint8Array): void {
    const line = this.#hasFirstLine ? read : withoutMark(read);
    this.#hasFirstLine = true;
    if (line.length === 0) this.#endEvent();
    else if (isField(line, DATA)) this.#addData(fieldValue(line));
    else if (isField(line, EVENT)) this.#name = utf8.decode(fieldValue(line));
  }

  #addData(value: Uint8Array): void {
    if (this.#data) this.#data.add(LINE_BREAK);
    else this.#data = new GatheredBytes();
    this.#data.add(value);
    if (this.#data.length >= this.#bytesMax) throw answerTooLarge();
  }

  #endEvent(): void {
    const name = this.#name;
    const data = this.#data?.bytes();
    this.#name = '';
    this.#data = undefined;
    if (data) this.#onEvent({ name, data });
  }
}

/** Some servers send a byte order mark before the first line. */
function withoutMark(line: Uint8Array): Uint8Array {
  return BYTE_ORDER_MARK.every((byte, index) => byte === line[index]) ? line.subarray(BYTE_ORDER_MARK.length) : line;
}

/** The length where there is none. */
function indexOf(chunk: Uint8Array, byte: number, start: number): number {
  const index = chunk.indexOf(byte, start);
  return index < 0 ? chunk.length : index;
}

function isField(line: Uint8Array, name: Uint8Array): boolean {
  if (line.length > name.length && line[name.length] !== COLON) return false;
  return name.every((byte, index) => byte === line[index]);
}

/** One space behind the colon is no part of it. */
function fieldValue(line: Uint8Array): Uint8Array {
  const start = line.indexOf(COLON) + 1;
  if (start === 0) return line.subarray(line.length);
  return line.subarray(line[start] === SPACE ? start + 1 : start);
}
