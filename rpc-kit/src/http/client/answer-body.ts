import { RpcError } from '../../rpc-error.ts';
import { parseSurveyedJson } from '../../schema/json.ts';
import { surveyJson } from '../../schema/json-survey.ts';
import { GatheredBytes } from '../gathered-bytes.ts';
import { ListSplitter } from './list-splitter.ts';

export interface AnswerLimits {
  readonly answerBytesMax: number;
  readonly answerValuesMax: number;
}

type OnItem = (item: unknown) => void;

/** The body of one answer while it arrives. The limits are checked here, because undici's own fails a whole batch. */
export class AnswerBody {
  readonly #limits: AnswerLimits;
  readonly #onItem: OnItem | undefined;
  readonly #arrived = new GatheredBytes();
  splitter: ListSplitter | undefined;
  /** The peer sends what it has, and may have the rest much later. */
  isInParts = false;

  constructor(limits: AnswerLimits, onItem: OnItem | undefined) {
    this.#limits = limits;
    this.#onItem = onItem;
  }

  /** @throws {RpcError} when the body is larger than it may be, or comes in too many pieces */
  add(chunk: Uint8Array): void {
    const arrived = this.#arrived;
    if (this.splitter) {
      arrived.count(chunk);
      this.splitter.add(chunk);
    } else {
      arrived.add(chunk);
      if (arrived.length > this.#limits.answerBytesMax) this.#split();
      else if (this.isInParts || arrived.length > WHOLE_LIST_BYTES_MAX) this.isInParts = this.#trySplit();
    }
    if (arrived.isShredded) throw new RpcError('internal', 'The peer answered in too many pieces');
  }

  /** @returns the whole answer; `undefined` where its items were given away one by one, or where a proxy's page came instead */
  value(status: number): unknown {
    if (this.splitter) return undefined;
    let value: unknown;
    try {
      value = parseAnswer(this.#arrived.bytes(), this.#limits);
    } catch (error) {
      // A proxy's page is no answer of the peer; its status still says something.
      if (status >= 300) return undefined;
      throw error;
    }
    // Each item of a list may have as many values as an answer that comes alone.
    if (value === undefined) this.#split();
    return value;
  }

  /** Gives away the whole items of an answer that broke off. */
  salvage(): void {
    try {
      if (!this.splitter) this.#trySplit();
    } catch {
      // What broke the connection says more than that its last bytes are no JSON.
    }
  }

  #split(): void {
    if (!this.#trySplit()) throw answerTooLarge();
  }

  /** @returns whether what has arrived begins a list whose items are asked for */
  #trySplit(): boolean {
    const arrived = this.#arrived.bytes();
    if (!this.#onItem || !beginsList(arrived)) return false;
    const parse = (bytes: Uint8Array): unknown => parseAnswer(bytes, this.#limits);
    this.splitter = new ListSplitter(this.#limits.answerBytesMax, this.#onItem, parse);
    this.splitter.add(arrived);
    return true;
  }
}

/** What is in a larger list is parsed while it arrives, so that no turn of the event loop has it all to do. */
const WHOLE_LIST_BYTES_MAX = 256 * 1024;

/** White space before a list is a line break at most. */
const LIST_LOOK_AHEAD = 16;
const OPEN_BRACKET = 0x5b;
const SPACES = new Set([0x20, 0x0a, 0x0d, 0x09]);

function beginsList(bytes: Uint8Array): boolean {
  const first = bytes.subarray(0, LIST_LOOK_AHEAD).find((byte) => !SPACES.has(byte));
  return first === OPEN_BRACKET;
}

export function answerTooLarge(): RpcError {
  return new RpcError('internal', 'The peer answered more than may be read');
}

/** Fatal, because to mend megabytes that are no text takes a hundred times as long as to refuse them. */
const utf8 = new TextDecoder('utf-8', { fatal: true });

/** A number that a double may not hold takes as long as so many other values. */
const WIDE_NUMBER_VALUES = 6;

/**
 * @returns `undefined` for what holds more values than may be read
 * @throws {RpcError} for what is not JSON
 */
export function parseAnswer(bytes: Uint8Array, { answerValuesMax }: AnswerLimits): unknown {
  try {
    const text = utf8.decode(bytes);
    const survey = surveyJson(text);
    const cost = survey.values + (WIDE_NUMBER_VALUES * survey.wideNumbers.length) / 2;
    return cost > answerValuesMax ? undefined : parseSurveyedJson(text, survey);
  } catch (cause) {
    throw new RpcError('internal', 'The peer answered something that is not JSON', { cause });
  }
}
