import type { Call, Emit } from '../call.ts';
import { streamOf } from '../stream.ts';

/** A stream over several attempts: each continues after the last item of the one before. */
export class Resumption {
  readonly #call: Call;
  readonly #emit: Emit;
  #lastItem: Readonly<Record<string, unknown>> | undefined;
  /** Items have arrived since the last attempt began. */
  hasProgress = false;

  constructor(call: Call, emit: Emit) {
    this.#call = call;
    this.#emit = emit;
  }

  /** Whether the next attempt would repeat no item. */
  get isPossible(): boolean {
    return this.#lastItem === undefined || this.#places?.resume !== undefined;
  }

  /** The call of the next attempt. */
  next(): Call {
    this.hasProgress = false;
    const emit: Emit = async (item) => {
      this.#lastItem = item as Record<string, unknown>;
      this.hasProgress = true;
      await this.#emit(item);
    };
    return { ...this.#call, params: this.#params(), emit };
  }

  get #places() {
    return this.#call.contract && streamOf(this.#call.contract);
  }

  #params(): unknown {
    const { id, resume } = this.#places ?? {};
    const { params } = this.#call;
    if (this.#lastItem === undefined || id === undefined || resume === undefined) return params;
    return { ...(params as object), [resume]: this.#lastItem[id] };
  }
}
