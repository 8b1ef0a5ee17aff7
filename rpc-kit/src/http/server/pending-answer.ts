import type { ServerResponse } from 'node:http';
import { Canceller } from '../../deadline.ts';
import { RpcError } from '../../rpc-error.ts';

/** The server's state of one connection. */
export interface Connection {
  /**
   * In the order of the requests. Not a Set: V8 replaces its table after a few changes, and an old table that has survived a collection of
   * garbage keeps the newer ones alive, with the calls that they held.
   */
  readonly unanswered: PendingAnswer[];
  /** Starts the requests that arrived while others were unanswered, in order. */
  readonly pipelined: (() => unknown)[];
  /** The refusal is its last answer. A request that arrives afterwards is not executed, because its sender repeats it. */
  isRefused: boolean;
  /** The requests that arrived afterwards. */
  ignored: number;
}

/** Learns that the connection closed before its answer was sent. */
export interface Abandonable {
  onAbandoned(): void;
}

/** An answer that a connection owes. It is cancelled when the caller leaves, or when its request cannot be answered. */
export class PendingAnswer extends Canceller {
  readonly response: ServerResponse;
  readonly #connection: Connection;
  /** An object, not a function made for each request: V8 does not free those that are never called with the other garbage of a call. */
  owner: Abandonable | undefined;

  constructor(response: ServerResponse, connection: Connection) {
    super();
    this.response = response;
    this.#connection = connection;
    connection.unanswered.push(this);
  }

  /** The answer is sent. */
  settle(): void {
    const { unanswered } = this.#connection;
    const index = unanswered.indexOf(this);
    if (index === 0) unanswered.shift();
    else if (index > 0) unanswered.splice(index, 1);
  }

  /** The connection is closed. */
  abandon(): void {
    this.settle();
    this.owner?.onAbandoned();
    this.leave();
  }

  /** The caller no longer waits. */
  leave(): void {
    this.cancel(callerLeft());
  }
}

export function callerLeft(): RpcError {
  return new RpcError('cancelled', 'The caller went away');
}
