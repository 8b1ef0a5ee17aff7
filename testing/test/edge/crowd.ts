import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import fc from 'fast-check';
import { eventually, type TestMesh } from 'testing';
import { type FetchedDocument, fetchDocument } from '../../src/document-proof/documents.ts';
import { type Answer, createExchange, type Exchange } from '../../src/document-proof/exchange.ts';
import { judge, type Operation, operationsOf } from '../../src/document-proof/openapi-judge.ts';
import { PASSWORD, register, type SignedIn } from './people.ts';

/** What the requests of a phase were answered. */
export interface Tally {
  /** `GET /v1/cart 200` and how often. */
  lines(): readonly (readonly [line: string, count: number])[];
  /** Requests without an answer: the connection was refused or broke. */
  readonly unanswered: number;
  /** Undocumented answers, lost sessions and answers that no phase expects. */
  readonly failures: readonly string[];
  /** How many answers have such a line. */
  count(line: RegExp): number;
}

export interface Crowd {
  /** Signed in, and busy during a phase. */
  readonly people: readonly Shopper[];
  /** Runs `work` while everybody shops, and shops on for a while afterwards. */
  during(work: () => Promise<void>, phase?: Phase): Promise<Tally>;
}

export interface Phase {
  /** Whether access tokens may be refused, as after LEAKED=yes: the person then refreshes. */
  readonly tokensEnd?: boolean;
}

interface CrowdOptions {
  /** The gateways, for each of which a person has a connection. A person whose connection breaks uses the next one. */
  readonly gateways: readonly string[];
  readonly sku: number;
  readonly seed: number;
}

const PEOPLE = 5;
const PICKS = 500;
const PAUSE_MS = 15;
/** Steps that each person makes before the work and after it. */
const STEPS = 8;
/** A limit against hanging: a refresh is repeated until it is answered. */
const REFRESH_MAX_MS = 40_000;

/** Registers people at a gateway. */
export async function gatherCrowd(at: Pick<TestMesh, 'urls'>, options: CrowdOptions): Promise<Crowd> {
  using exchange = createExchange(at.urls.gateway);
  const document = await fetchDocument(exchange, '/openapi.json');
  const operations = new Map(
    operationsOf(document).map((operation) => [`${operation.verb} ${operation.path}`, operation]),
  );
  const lists = fc.sample(fc.array(fc.nat(), { minLength: PICKS, maxLength: PICKS }), {
    numRuns: PEOPLE,
    seed: options.seed,
  });
  const people: Shopper[] = [];
  for (const picks of lists) {
    people.push(new Shopper(await register(at), { ...options, picks, document, operations }));
  }
  return {
    people,
    async during(work, phase = {}) {
      const book = createBook();
      let isOver = false;
      const shopping = people.map(async (person) => {
        using _open = person.enter(book, phase);
        while (!isOver) {
          await person.step();
          await pause(PAUSE_MS);
        }
      });
      const more = async (): Promise<void> => {
        const wanted = people.map(({ steps }) => steps + STEPS);
        await eventually('everybody shops on', () => people.every(({ steps }, index) => steps >= (wanted[index] ?? 0)));
      };
      try {
        await more();
        await work();
        await more();
      } finally {
        isOver = true;
        await Promise.all(shopping);
      }
      return book;
    },
  };
}

type Book = Tally & { answered(route: string, status: number): void; lost(): void; failed(why: string): void };

function createBook(): Book {
  const answers = new Map<string, number>();
  const failures: string[] = [];
  let unanswered = 0;
  return {
    lines: () => [...answers],
    failures,
    get unanswered() {
      return unanswered;
    },
    count: (wanted) => [...answers].reduce((sum, [line, times]) => sum + (wanted.test(line) ? times : 0), 0),
    answered: (route, status) => void answers.set(`${route} ${status}`, (answers.get(`${route} ${status}`) ?? 0) + 1),
    lost() {
      unanswered += 1;
    },
    failed: (why) => void failures.push(why),
  };
}

interface ShopperParts extends CrowdOptions {
  readonly picks: readonly number[];
  readonly document: FetchedDocument;
  readonly operations: ReadonlyMap<string, Operation>;
}

interface Wish {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** In place of the parts of the route in braces. */
  readonly at?: string | number;
}

/** A person with one session who walks through the whole API. */
export class Shopper {
  readonly #parts: ShopperParts;
  #session: SignedIn;
  #orders: string[] = [];
  #exchanges = new Map<string, Exchange>();
  #gateway = 0;
  #picked = 0;
  #book: Book = createBook();
  #phase: Phase = {};
  password = PASSWORD;
  steps = 0;

  constructor(session: SignedIn, parts: ShopperParts) {
    this.#session = session;
    this.#parts = parts;
  }

  get session(): SignedIn {
    return this.#session;
  }

  enter(book: Book, phase: Phase): Disposable {
    this.#book = book;
    this.#phase = phase;
    return {
      [Symbol.dispose]: () => {
        for (const exchange of this.#exchanges.values()) exchange[Symbol.dispose]();
        this.#exchanges.clear();
      },
    };
  }

  async step(): Promise<void> {
    const { sku } = this.#parts;
    const order = this.#orders.at(-1);
    const key = { 'idempotency-key': `${this.#session.user.id}-${this.#picked}` };
    const wishes: (() => Promise<unknown>)[] = [
      () => this.send('GET /v1/me'),
      () => this.send('GET /v1/me/sessions'),
      () => this.send('GET /v1/products'),
      () => this.send('GET /v1/cart'),
      () => this.send('POST /v1/cart/items', { body: { sku, count: 2 } }),
      () => this.send('POST /v1/cart/items', { body: { sku, count: 1 } }),
      () => this.send('DELETE /v1/cart/items/{sku}', { at: `${sku}?count=1` }),
      () => this.#buy('POST /v1/cart/purchase', { headers: key }),
      () => this.#buy('POST /v1/orders', { headers: key, body: { items: [{ sku, count: 1 }] } }),
      () => this.send('GET /v1/orders'),
      () => this.send('GET /v1/notifications'),
      () => this.refresh(),
      () => this.refresh(),
      ...(order === undefined
        ? []
        : [
            () => this.send('GET /v1/orders/{id}', { at: order }),
            () => this.send('POST /v1/orders/{id}/pay', { at: order }),
            () => this.send('POST /v1/orders/{id}/cancel', { at: order }),
          ]),
    ];
    const picks = this.#parts.picks;
    const picked = (picks[this.#picked++ % picks.length] ?? 0) % wishes.length;
    await wishes[picked]?.();
    this.steps += 1;
  }

  /** Sends one request with the access token, to the gateway of the last one. `undefined`: nobody answered. */
  async send(route: `${string} ${string}`, { headers = {}, body, at = '' }: Wish = {}): Promise<Answer | undefined> {
    const [verb = '', template = ''] = route.split(' ');
    const isRefresh = template === '/v1/auth/refresh';
    const urls = this.#parts.gateways;
    const url = urls[this.#gateway % urls.length] ?? '';
    const exchange = this.#exchanges.get(url) ?? createExchange(url);
    this.#exchanges.set(url, exchange);
    const answer = await exchange
      .send({
        verb,
        path: template.replace(/\{\w+\}/, String(at)),
        headers: { ...headers, ...(!isRefresh && { authorization: `Bearer ${this.#session.accessToken}` }) },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      })
      .catch(() => undefined);
    if (answer === undefined) {
      this.#book.lost();
      this.#gateway += 1;
      return undefined;
    }
    this.#book.answered(route, answer.status);
    this.#judge(route, verb, answer);
    if (answer.status === 401 && !isRefresh) {
      if (this.#phase.tokensEnd) await this.refresh();
      else this.#book.failed(`${route} refused the access token: ${answer.text}`);
    }
    return answer;
  }

  #judge(route: string, verb: string, answer: Answer): void {
    const operation = this.#parts.operations.get(route);
    assert.ok(operation, route);
    const { headers: documented = {} } = operation.responses[answer.status] ?? {};
    // The gateway's other headers are for browsers only.
    const headers = Object.fromEntries(
      Object.entries(answer.headers).filter(([name]) => name === 'content-type' || name in documented),
    );
    try {
      judge(this.#parts.document, operation, { verb }, { ...answer, headers });
    } catch (error) {
      this.#book.failed(`${route}: ${(error as Error).message}`);
    }
  }

  async #buy(route: 'POST /v1/cart/purchase' | 'POST /v1/orders', wish: Wish): Promise<void> {
    const answer = await this.send(route, wish);
    if (answer?.status === 201) this.#orders.push(JSON.parse(answer.text).orderID);
  }

  /** Repeats the refresh until it is answered, as a client has to: the session must survive. */
  async refresh(): Promise<void> {
    const { refreshToken } = this.#session;
    const until = performance.now() + REFRESH_MAX_MS;
    for (;;) {
      const answer = await this.send('POST /v1/auth/refresh', { body: { refreshToken } });
      if (answer?.status === 200) {
        this.#session = JSON.parse(answer.text);
        return;
      }
      if (answer && ![503, 504].includes(answer.status)) {
        this.#book.failed(`the session of user ${this.#session.user.id} was lost: ${answer.status} ${answer.text}`);
        return;
      }
      if (performance.now() > until) return this.#book.failed('a refresh was not answered');
      await pause(Number(answer?.headers['retry-after'] ?? 0) * 100 + PAUSE_MS);
    }
  }
}
