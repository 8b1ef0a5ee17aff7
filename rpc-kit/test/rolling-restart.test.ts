import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import {
  type Client,
  createBalancer,
  createCircuitBreaker,
  createClient,
  createHttpTransport,
  createRetryBudget,
  implement,
  retry,
  type Service,
  serveHttp,
} from 'rpc-kit';
import { createGrpcTransport, createServiceCodec, serveGrpc, updateLock } from 'rpc-kit/grpc';
import { shop } from './call-stubs.ts';

/** Calls in flight at a time; each starts when the one before it is answered. */
const CUSTOMERS = 20;
/** Calls that each replica has to answer before the next step. */
const CALLS_MIN = 200;
/** Limits against hanging: it takes about a second. */
const SERVES_WITHIN_MS = 30_000;
const TIMEOUT_MS = 4 * SERVES_WITHIN_MS;

const logger = pino({ level: 'silent' });
const codec = createServiceCodec(shop, updateLock({ package: 'test', services: {} }, [shop]));
const userAgent = 'customer/1';

/** What carries the calls. */
const FACES = {
  HTTP: {
    scheme: 'http',
    serve: (service: Service, port: number) => serveHttp(service, { port, host: '127.0.0.1', logger }),
    connect: (url: string) => createHttpTransport(url, { userAgent }),
  },
  gRPC: {
    scheme: 'grpc',
    serve: (service: Service, port: number) => serveGrpc(service, { port, host: '127.0.0.1', logger, codec }),
    connect: (url: string) => createGrpcTransport(url, { userAgent, codec }),
  },
} as const;
type Face = (typeof FACES)[keyof typeof FACES];

/** One of two servers of the same service, at an address that stays its own. */
class Replica {
  /** Calls that it has answered since it was started last. */
  answered = 0;
  readonly #face: Face;
  #server: Awaited<ReturnType<Face['serve']>> | undefined;
  #port = 0;

  constructor(face: Face) {
    this.#face = face;
  }

  get url(): string {
    return `${this.#face.scheme}://127.0.0.1:${this.#port}`;
  }

  async start(): Promise<void> {
    this.answered = 0;
    const answer = async (): Promise<Record<string, never>> => {
      await sleep(2);
      this.answered += 1;
      return {};
    };
    const service = implement(shop, { look: answer, buy: answer, ring: answer });
    this.#server = await this.#face.serve(service, this.#port);
    this.#port = this.#server.port;
  }

  /** As a deployment stops it: it finishes the calls in flight. */
  async stop(): Promise<void> {
    await this.#server?.close();
  }
}

/** Calls without a pause, until it is stopped. */
class Load {
  readonly failures: unknown[] = [];
  readonly #customers: Promise<unknown>;
  #calls = 0;
  #stopped = false;

  constructor(client: Client<typeof shop.methods>) {
    this.#customers = Promise.all(Array.from({ length: CUSTOMERS }, () => this.#shop(client)));
  }

  async #shop(client: Client<typeof shop.methods>): Promise<void> {
    while (!this.#stopped) {
      const number = this.#calls++;
      const call = [() => client.look({}), () => client.ring({}), () => client.buy({ idempotencyKey: `k${number}` })];
      await call[number % 3]?.().catch((error: unknown) => this.failures.push(error));
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#customers;
  }
}

for (const [name, face] of Object.entries(FACES)) {
  describe(`a rolling restart of two replicas under load over ${name}`, () => {
    it('fails no call, no write without a key either', async () => {
      const replicas = [new Replica(face), new Replica(face)];
      await using stack = new AsyncDisposableStack();
      for (const replica of replicas) {
        await replica.start();
        stack.defer(() => replica.stop());
      }
      const balancer = stack.use(
        createBalancer({
          endpoints: replicas.map(({ url }) => url),
          // A replica that was slow once, because the machine was busy, is not to be left alone for long.
          decayMs: 1_000,
          ejectionMs: 100,
          connect: (url) => createCircuitBreaker({ restMs: 100 }).guard(face.connect(url)),
        }),
      );
      const load = new Load(createClient(shop, balancer, { interceptors: [retry({ budget: createRetryBudget() })] }));
      const allServe = async (): Promise<void> => {
        const deadline = performance.now() + SERVES_WITHIN_MS;
        while (replicas.some(({ answered }) => answered < CALLS_MIN)) {
          assert.ok(performance.now() < deadline, replicas.map(({ answered }) => answered).join());
          await sleep(5);
        }
      };
      stack.defer(() => load.stop());
      await allServe();
      for (const replica of replicas) {
        await replica.stop();
        await replica.start();
        await allServe();
      }
      await load.stop();
      assert.deepEqual(load.failures, []);
    }).timeout(TIMEOUT_MS);
  });
}
