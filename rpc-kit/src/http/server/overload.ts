import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { stringifyJson } from '../../schema/json.ts';
import { type ConcurrencyLimit, PRIORITIES, type Priority } from '../../serving/concurrency-limit.ts';
import { overloaded, priorityOf } from '../../serving/load-shedding.ts';
import { acceptRequestId } from '../../telemetry/request-id.ts';
import type { Tally } from '../../telemetry/tallies.ts';
import { METADATA_HEADERS } from '../metadata.ts';
import type { PendingAnswer } from './pending-answer.ts';
import { plainRefusal } from './plain-face.ts';
import type { BodyReader, Request } from './request.ts';
import type { Router } from './router.ts';
import { refusal } from './rpc-face.ts';

/** A larger body of a refused request costs more than a new connection; its connection is closed. */
const BODY_BYTES_MAX = 64 * 1024;
/** Short against every timeout: a call that would be served next may wait on a paused connection, too. */
const PAUSE_MS = 100;
/** A refusal costs up to a fortieth of a served call, so more than these would take a quarter of the time that calls get. */
const REFUSALS_PER_CALL = 10;
/** In each pause, where few calls or none are served: 25 ms of a core. */
const REFUSALS_MIN = 1_500;
const LOG_MS = 1_000;

/** What all refusals at one address have in common. */
interface Prepared {
  /** The call has one of these. */
  readonly priorities: readonly Priority[];
  readonly headers: readonly string[];
  /** The body before and after the request id. */
  readonly head: string;
  readonly tail: string;
  readonly counters: readonly Tally[];
}

/**
 * Refuses requests that a full service has no room for, with bytes that are prepared for each address. A refusal that costs as much as a
 * tenth of a call leaves nothing for calls at ten times the load: this one has no call, no span and no line in the log of its own. It
 * keeps the connection, because a new one costs more.
 */
export class OverloadRefusals {
  readonly #router: Router;
  readonly #admission: ConcurrencyLimit;
  readonly #prepared: ReadonlyMap<string, Prepared>;
  readonly #paused: Socket[] = [];
  #refused = 0;
  #served = 0;
  #refusalsMax = REFUSALS_MIN;
  #refusedSinceLine = 0;

  /** @param countersOf counters of the refusals at an address, and of the method there */
  constructor(
    router: Router,
    admission: ConcurrencyLimit,
    countersOf: (path: string, method: string | undefined) => readonly Tally[],
  ) {
    this.#router = router;
    this.#admission = admission;
    const methods = [...router.methods].map(([path, { name, contract }]): [string, Prepared] => [
      path,
      this.#prepare([priorityOf({ contract })], countersOf(path, name), (id) => plainRefusal(overloaded(), id).body),
    ]);
    const rpc = this.#prepare(PRIORITIES, countersOf('/rpc', undefined), (id) => refusal(null, overloaded(), id));
    this.#prepared = new Map([...methods, ['/rpc', rpc]]);
  }

  /** @returns whether it was refused: requests that ask for anything unusual are not refused here */
  refuse(request: Request, response: ServerResponse, pending: PendingAnswer): boolean {
    const prepared = this.#prepared.get(request.url as string);
    if (!prepared || this.#hasRoom(prepared) || !this.#isOrdinary(request)) {
      this.#served += 1;
      return false;
    }
    const requestId = acceptRequestId(request.headers[METADATA_HEADERS.requestId] as string | undefined);
    const onSent = (): void => {
      pending.settle();
      this.#pause(request.socket);
    };
    request.readBody(new Refusal(prepared, requestId, response, onSent));
    for (const counter of prepared.counters) counter.value += 1;
    this.#log();
    return true;
  }

  #hasRoom({ priorities }: Prepared): boolean {
    for (const priority of priorities) if (this.#admission.hasRoom(priority)) return true;
    return false;
  }

  #isOrdinary({ method, headers, socket }: Request): boolean {
    if (method !== 'POST' || this.#router.closing()) return false;
    if (this.#router.isMutualTls && !(socket as TLSSocket).authorized) return false;
    if (headers.origin !== undefined || headers['sec-fetch-site'] !== undefined || headers.expect !== undefined)
      return false;
    return headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) <= BODY_BYTES_MAX;
  }

  /**
   * When refusals alone would fill the core, their callers are read later. TCP slows them down. Not before the answer is sent:
   * node:http reads on at the end of each request.
   */
  #pause(socket: Socket): void {
    this.#refused += 1;
    if (this.#refused === 1) this.#startPause();
    if (this.#refused <= this.#refusalsMax) return;
    socket.pause();
    this.#paused.push(socket);
  }

  #startPause(): void {
    this.#served = 0;
    setTimeout(() => this.#endPause(), PAUSE_MS);
  }

  #endPause(): void {
    this.#refusalsMax = Math.max(REFUSALS_MIN, this.#served * REFUSALS_PER_CALL);
    this.#refused = 0;
    for (const socket of this.#paused.splice(0)) socket.resume();
  }

  /** A line for each refusal would cost more than the refusal. */
  #log(): void {
    this.#refusedSinceLine += 1;
    if (this.#refusedSinceLine > 1) return;
    setTimeout(() => {
      const { limit, inFlight } = this.#admission;
      const fields = { refused: this.#refusedSinceLine, limit, in_flight: inFlight };
      this.#router.logger.warn(fields, 'requests were refused within a second: the service is overloaded');
      this.#refusedSinceLine = 0;
    }, LOG_MS).unref();
  }

  #prepare(
    priorities: readonly Priority[],
    counters: readonly Tally[],
    bodyOf: (requestId: string) => unknown,
  ): Prepared {
    const [head = '', tail = ''] = stringifyJson(bodyOf(MARK)).split(MARK);
    const { headers } = plainRefusal(overloaded(), MARK);
    const fixed = Object.fromEntries(this.#router.boundary.headers);
    const all = { ...fixed, ...headers, 'content-type': 'application/json' };
    return { priorities, counters, headers: Object.entries(all).flat(), head, tail };
  }
}

/** Where the request id will be. */
const MARK = 'request-id';

/** The answer is written when the body has arrived; until then nothing of it is kept. */
class Refusal implements BodyReader {
  readonly #prepared: Prepared;
  readonly #requestId: string;
  readonly #response: ServerResponse;
  readonly #onSent: () => void;

  constructor(prepared: Prepared, requestId: string, response: ServerResponse, onSent: () => void) {
    this.#prepared = prepared;
    this.#requestId = requestId;
    this.#response = response;
    this.#onSent = onSent;
  }

  onPart(): void {}

  onEnd(): void {
    const { headers, head, tail } = this.#prepared;
    const text = head + this.#requestId + tail;
    const own = [METADATA_HEADERS.requestId, this.#requestId, 'content-length', String(text.length)];
    this.#response.writeHead(STATUS, [...headers, ...own]);
    this.#response.end(text, 'latin1', this.#onSent);
  }
}

const { status: STATUS } = plainRefusal(overloaded(), MARK);
