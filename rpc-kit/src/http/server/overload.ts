import type { ServerResponse } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { stringifyJson } from '../../schema/json.ts';
import { type ConcurrencyLimit, PRIORITIES, type Priority } from '../../serving/concurrency-limit.ts';
import { overloaded, priorityOf } from '../../serving/load-shedding.ts';
import { acceptRequestId } from '../../telemetry/request-id.ts';
import type { Tally } from '../../telemetry/tally.ts';
import { METADATA_HEADERS } from '../sent-metadata.ts';
import type { BodyReader } from './carried.ts';
import { answerRequest } from './exchange.ts';
import type { PendingAnswer } from './pending-answer.ts';
import { plainRefusal } from './plain-face.ts';
import { RefusalBudget } from './refusal-budget.ts';
import type { Request } from './request.ts';
import type { Router } from './router.ts';
import { refusal } from './rpc-face.ts';

/** A larger body of a refused request costs more than a new connection; its connection is closed. */
const BODY_BYTES_MAX = 64 * 1024;
const LOG_MS = 1_000;

/** What all refusals of one method at one address have in common. */
interface Prepared {
  readonly headers: readonly string[];
  /** The body before and after the request id. */
  readonly head: string;
  readonly tail: string;
  readonly counters: readonly Tally[];
}

interface Called {
  readonly prepared: Prepared;
  readonly priority: Priority;
}

/**
 * Refuses requests that a full service has no room for, with bytes that are prepared for each address. A refusal that costs as much as a
 * tenth of a call leaves nothing for calls at ten times the load: this one has no call, no span and no line in the log of its own. It
 * keeps the connection, because a new one costs more.
 */
export class OverloadRefusals {
  readonly #router: Router;
  readonly #admission: ConcurrencyLimit;
  readonly #byPath = new Map<string, Called>();
  /** On /rpc. */
  readonly #byMethod = new Map<string, Called>();
  readonly #ofRpc: Prepared;
  readonly #budget: RefusalBudget;
  #refusedSinceLine = 0;

  /** @param countersOf counters of the refusals at an address, and of the method there */
  constructor(
    router: Router,
    admission: ConcurrencyLimit,
    countersOf: (path: string, method: string | undefined) => readonly Tally[],
  ) {
    this.#router = router;
    this.#admission = admission;
    this.#budget = new RefusalBudget(admission);
    const prepareRpc = (method?: string): Prepared =>
      this.#prepare(countersOf('/rpc', method), (id) => refusal(null, overloaded(), id));
    for (const [path, { name, contract }] of router.methods) {
      const prepared = this.#prepare(countersOf(path, name), (id) => plainRefusal(overloaded(), id).body);
      this.#byPath.set(path, { prepared, priority: priorityOf({ contract }) });
      this.#byMethod.set(name, { prepared: prepareRpc(name), priority: priorityOf({ contract }) });
    }
    this.#ofRpc = prepareRpc();
  }

  /** @returns whether it is answered here: requests that ask for anything unusual are not */
  answer(request: Request, response: ServerResponse, pending: PendingAnswer): boolean {
    if (request.url === '/rpc') return this.#answerRpc(request, response, pending);
    const called = this.#byPath.get(request.url as string);
    if (!called || this.#admission.hasRoom(called.priority) || !this.#isOrdinary(request)) return false;
    request.readBody(new Discarded(() => this.#refuse(called.prepared, request, response, pending)));
    return true;
  }

  /** The method is in the body, so a request is refused by its headers only when there is room for no priority. */
  #answerRpc(request: Request, response: ServerResponse, pending: PendingAnswer): boolean {
    let withRoom = 0;
    for (const priority of PRIORITIES) if (this.#admission.hasRoom(priority)) withRoom += 1;
    if (withRoom === PRIORITIES.length || !this.#isOrdinary(request)) return false;
    if (withRoom === 0) {
      request.readBody(new Discarded(() => this.#refuse(this.#ofRpc, request, response, pending)));
      return true;
    }
    const onBody = (parts: readonly Buffer[]): void => {
      const called = this.#methodNamedIn(parts);
      if (called && !this.#admission.hasRoom(called.priority)) {
        this.#refuse(called.prepared, request, response, pending);
        return;
      }
      request.keepBody(parts);
      answerRequest(this.#router, request, response, pending);
    };
    request.readBody(new Kept(onBody));
    return true;
  }

  /** A cheap look before the body is parsed. `shedLoad` refuses what it does not find. */
  #methodNamedIn([part]: readonly Buffer[]): Called | undefined {
    const name = METHOD.exec(part?.toString('latin1', 0, METHOD_WITHIN_BYTES) ?? '')?.[1];
    return name === undefined ? undefined : this.#byMethod.get(name);
  }

  /** To be called when the body has arrived. */
  #refuse(prepared: Prepared, request: Request, response: ServerResponse, pending: PendingAnswer): void {
    const { headers, head, tail, counters } = prepared;
    const requestId = acceptRequestId(request.headers[METADATA_HEADERS.requestId] as string | undefined);
    const text = head + requestId + tail;
    const own = [METADATA_HEADERS.requestId, requestId, 'content-length', String(text.length)];
    response.writeHead(STATUS, [...headers, ...own]);
    response.end(text, 'latin1', () => {
      pending.settle();
      this.#budget.spend(request.socket);
    });
    for (const counter of counters) counter.value += 1;
    this.#log();
  }

  #isOrdinary({ method, headers, socket }: Request): boolean {
    if (method !== 'POST' || this.#router.closing()) return false;
    if (this.#router.isMutualTls && !(socket as TLSSocket).authorized) return false;
    if (headers.origin !== undefined || headers['sec-fetch-site'] !== undefined || headers.expect !== undefined)
      return false;
    return headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) <= BODY_BYTES_MAX;
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

  #prepare(counters: readonly Tally[], bodyOf: (requestId: string) => unknown): Prepared {
    const [head = '', tail = ''] = stringifyJson(bodyOf(MARK)).split(MARK);
    const { headers } = plainRefusal(overloaded(), MARK);
    const fixed = Object.fromEntries(this.#router.boundary.headers);
    const all = { ...fixed, ...headers, 'content-type': 'application/json' };
    return { counters, headers: Object.entries(all).flat(), head, tail };
  }
}

/** Where the request id will be. */
const MARK = 'request-id';

const METHOD = /"method"\s*:\s*"(\w+)"/;
/** Clients write the method before the params. */
const METHOD_WITHIN_BYTES = 256;

class Discarded implements BodyReader {
  readonly onEnd: () => void;

  constructor(onEnd: () => void) {
    this.onEnd = onEnd;
  }

  onPart(): void {}
}

class Kept implements BodyReader {
  readonly #parts: Buffer[] = [];
  readonly #onBody: (parts: readonly Buffer[]) => void;

  constructor(onBody: (parts: readonly Buffer[]) => void) {
    this.#onBody = onBody;
  }

  onPart(part: Buffer): void {
    this.#parts.push(part);
  }

  onEnd(): void {
    this.#onBody(this.#parts);
  }
}

const { status: STATUS } = plainRefusal(overloaded(), MARK);
