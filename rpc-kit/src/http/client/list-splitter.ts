import { joinBytes } from '../gathered-bytes.ts';

/**
 * Splits a JSON list into its items while it arrives, so that memory is bounded by one item. Items are objects, as answers to
 * calls always are. The text between them is not checked.
 */
export class ListSplitter {
  readonly #itemBytesMax: number;
  readonly #onItem: (item: unknown) => void;
  readonly #parse: (item: Uint8Array) => unknown;
  #depth = 0;
  #isInText = false;
  #isEscaped = false;
  #itemBytes = 0;
  #item: Uint8Array[] = [];
  /** Whether an item exceeded the limit and was skipped. */
  hasSkipped = false;

  /** @param parse returns `undefined` for an item that is to be skipped */
  constructor(itemBytesMax: number, onItem: (item: unknown) => void, parse: (item: Uint8Array) => unknown) {
    this.#itemBytesMax = itemBytesMax;
    this.#onItem = onItem;
    this.#parse = parse;
  }

  /** @throws what `parse` throws */
  add(chunk: Uint8Array): void {
    let start = 0;
    for (let index = 0; index < chunk.length; index++) {
      const byte = chunk[index];
      if (this.#isInText) {
        if (this.#isEscaped) this.#isEscaped = false;
        else if (byte === BACKSLASH) this.#isEscaped = true;
        else if (byte === QUOTE) this.#isInText = false;
      } else if (byte === QUOTE) this.#isInText = true;
      else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        this.#depth += 1;
        if (this.#depth === ITEM_DEPTH) start = index;
      } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
        this.#depth -= 1;
        if (this.#depth === ITEM_DEPTH - 1) this.#end(chunk.subarray(start, index + 1));
      }
    }
    if (this.#depth >= ITEM_DEPTH) this.#collect(chunk.subarray(start));
  }

  #collect(part: Uint8Array): void {
    this.#itemBytes += part.length;
    if (this.#itemBytes <= this.#itemBytesMax) this.#item.push(part);
    else this.#item = [];
  }

  #end(part: Uint8Array): void {
    this.#collect(part);
    const isTooLarge = this.#itemBytes > this.#itemBytesMax;
    const item = isTooLarge ? undefined : this.#parse(joinBytes(this.#item));
    this.#item = [];
    this.#itemBytes = 0;
    if (item === undefined) this.hasSkipped = true;
    else this.#onItem(item);
  }
}

/** The depth of brackets inside an item of the list. */
const ITEM_DEPTH = 2;

const QUOTE = 0x22;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
