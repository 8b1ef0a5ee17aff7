import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import {
  type Balancer,
  type BalancerOptions,
  createBalancer,
  createCircuitBreaker,
  createClient,
  createHttpTransport,
  implement,
  type RpcError,
  type Service,
  serveHttp,
} from 'rpc-kit';
import { createGrpcTransport, createServiceCodec, serveGrpc, updateLock } from 'rpc-kit/grpc';
import { PATIENT_MS, shop } from './call-stubs.ts';

const logger = pino({ level: 'silent' });
const codec = createServiceCodec(shop, updateLock({ package: 'test', services: {} }, [shop]));
const userAgent = 'customer/1';
/** Calls in flight at a time. */
const CUSTOMERS = 10;

type Readiness = Parameters<typeof serveHttp>[1]['readiness'];

/** What carries the calls and the health checks. */
const FACES = {
  HTTP: {
    serve: (service: Service, readiness: Readiness, port: number) =>
      serveHttp(service, { port, host: '127.0.0.1', logger, readiness }),
    connect: (url: string) => createHttpTransport(url, { userAgent }),
  },
  gRPC: {
    serve: (service: Service, readiness: Readiness, port: number) =>
      serveGrpc(service, { port, host: '127.0.0.1', logger, codec, readiness }),
    connect: (url: string) => createGrpcTransport(url, { userAgent, codec }),
  },
} as const;
type Face = (typeof FACES)[keyof typeof FACES];

class Replica {
  readonly zone: string;
  answered = 0;
  isReady = true;
  readonly #face: Face;
  #server: Awaited<ReturnType<Face['serve']>> | undefined;
  #port = 0;
  url = '';

  constructor(face: Face, zone: string) {
    this.#face = face;
    this.zone = zone;
  }

  async start(): Promise<void> {
    const answer = async (): Promise<Record<string, never>> => {
      await sleep(2);
      this.answered += 1;
      return {};
    };
    const readiness = {
      door: async () => {
        if (!this.isReady) throw new Error('The door is closed');
      },
    };
    const service = implement(shop, { look: answer, buy: answer, ring: answer });
    this.#server = await this.#face.serve(service, readiness, this.#port);
    this.#port = this.#server.port;
    this.url = this.#server.url;
  }

  /** Cuts the calls in flight off. */
  async kill(): Promise<void> {
    await this.#server?.close(0);
  }
}

/** Awaits the condition between calls, at most as long as a test may take. */
async function until(isMet: () => boolean, meanwhile: () => Promise<unknown>): Promise<void> {
  const deadline = performance.now() + PATIENT_MS;
  while (!isMet()) {
    assert.ok(performance.now() < deadline, 'it takes too long');
    await meanwhile();
  }
}

for (const [name, face] of Object.entries(FACES)) {
  describe(`endpoints in zones over ${name}`, () => {
    let open: AsyncDisposableStack;
    let replicas: Replica[];
    beforeEach(async () => {
      open = new AsyncDisposableStack();
      replicas = ['a', 'a', 'a', 'b', 'b'].map((zone) => new Replica(face, zone));
      for (const replica of replicas) {
        await replica.start();
        open.defer(() => replica.kill());
      }
    });
    afterEach(() => open[Symbol.asyncDispose]());

    function callReplicas(options: Partial<BalancerOptions> = {}) {
      const log: string[] = [];
      const nameOf = (url: string): string => `${replicas.findIndex((replica) => replica.url === url)}`;
      const balancer: Balancer = createBalancer({
        endpoints: replicas.map(({ url, zone }) => ({ url, zone })),
        zone: 'a',
        ejectionMs: 100,
        connect: (url) => createCircuitBreaker({ restMs: 100 }).guard(face.connect(url)),
        on: {
          unhealthy: ({ endpoint }) => log.push(`${nameOf(endpoint)} unhealthy`),
          healthy: ({ endpoint }) => log.push(`${nameOf(endpoint)} healthy`),
        },
        ...options,
      });
      open.use(balancer);
      const client = createClient(shop, balancer);
      const call = () => client.ring({});
      const stateOf = (index: number) => balancer.endpoints[index]?.state;
      const answered = (zone: string): number =>
        replicas.filter((replica) => replica.zone === zone).reduce((sum, replica) => sum + replica.answered, 0);
      return { call, log, stateOf, answered };
    }

    it('a zone is called alone; when it is killed, only calls in flight fail, and when it is back, it is called again', async () => {
      const { call, answered } = callReplicas();
      for (let index = 0; index < 30; index++) await call();
      assert.deepEqual([answered('a'), answered('b')], [30, 0]);

      const local = replicas.filter(({ zone }) => zone === 'a');
      const failures: { readonly error: RpcError; readonly begunWhenGone: boolean }[] = [];
      let isGone = false;
      let calls = 0;
      let callsWhenGone = 0;
      const customer = async (): Promise<void> => {
        while (callsWhenGone < 200) {
          const begunWhenGone = isGone;
          if (isGone) callsWhenGone += 1;
          calls += 1;
          if (calls === 100) void Promise.all(local.map((replica) => replica.kill())).then(() => (isGone = true));
          // Writes without a key, which nothing may repeat.
          await call().catch((error) => failures.push({ error, begunWhenGone }));
        }
      };
      await Promise.all(Array.from({ length: CUSTOMERS }, customer));
      assert.ok(
        failures.every(({ error, begunWhenGone }) => !begunWhenGone && !error.neverSent),
        failures.map(({ error }) => `${error}`).join(),
      );
      // Each of them loses one call at a time, at each replica once.
      assert.ok(failures.length <= CUSTOMERS * local.length, `${failures.length}`);
      assert.ok(answered('b') >= 200);

      for (const replica of local) await replica.start();
      const before = answered('a');
      await until(() => answered('a') >= before + 50, call);
    }).timeout(2 * PATIENT_MS);

    it('health checks take an endpoint out that is not ready, and back when it is', async () => {
      const { call, log, stateOf } = callReplicas({ healthChecks: { intervalMs: 10, riseAfter: 2 } });
      const [first] = replicas as [Replica];
      await until(
        () => stateOf(0) === 'serving',
        () => sleep(1),
      );
      first.isReady = false;
      await until(
        () => stateOf(0) === 'unhealthy',
        () => sleep(1),
      );
      const { answered } = first;
      for (let index = 0; index < 30; index++) await call();
      assert.equal(first.answered, answered);
      first.isReady = true;
      await until(() => stateOf(0) === 'serving', call);
      await until(() => first.answered > answered, call);
      assert.deepEqual(log, ['0 unhealthy', '0 healthy']);
    });

    it('health checks notice an endpoint that is gone without any call, and that it is back', async () => {
      const { stateOf } = callReplicas({ healthChecks: { intervalMs: 10, fallAfter: 2, timeoutMs: 500 } });
      const [first] = replicas as [Replica];
      await until(
        () => stateOf(0) === 'serving',
        () => sleep(1),
      );
      await first.kill();
      await until(
        () => stateOf(0) === 'unhealthy',
        () => sleep(1),
      );
      await first.start();
      await until(
        () => stateOf(0) === 'serving',
        () => sleep(1),
      );
    });
  });
}
