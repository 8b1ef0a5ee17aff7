import assert from 'node:assert/strict';
import { eventually, startMesh, type TestMesh } from 'testing';
import { type Crowd, gatherCrowd, type Tally } from './crowd.ts';
import { login, register, rest, UNLIMITED } from './people.ts';
import { type Replica, startReplica } from './replica.ts';
import { makeAdmin } from './shop.ts';

const SKU = 4_000_001;
/** Below what an outage costs: the circuit breaker of a caller alone stays open for five seconds. */
const FAILED_SHARE_MAX = 0.05;

export const DOUBLED = ['accounts', 'checkout', 'gateway'] as const;
export type Doubled = (typeof DOUBLED)[number];

const CLOSED_TO_CALLS = /^(rpc_client_breaker_state\{.*\} 2|rpc_client_endpoints\{.*state="ejected"\} [1-9]\d*)$/gm;

/** A mesh with two further replicas of three services, and people who shop at them. */
export interface BusyMesh extends AsyncDisposable {
  readonly mesh: TestMesh;
  readonly replicas: Readonly<Record<Doubled, readonly [Replica, Replica]>>;
  readonly crowd: Crowd;
  /** For `rest` and the like: at the first gateway of the people. */
  readonly through: { readonly urls: TestMesh['urls'] };
  /**
   * Waits until the gateways let calls to every replica again: after failures, a replica is ejected and its circuit breaker open for some
   * seconds. A breaker that is half-open closes with its next call, which a peer that is called rarely may not get for a minute.
   */
  settled(): Promise<void>;
}

/** @param calls what carries the calls between services */
export async function openBusyMesh(seed: number, calls: 'json' | 'grpc' = 'json'): Promise<BusyMesh> {
  await using resources = new AsyncDisposableStack();
  const mesh = resources.use(await startMesh({ ...UNLIMITED, CALLS: calls }));
  await stockUp(mesh);
  const two = async (service: Doubled, urls = {}): Promise<[Replica, Replica]> => [
    resources.use(await startReplica(mesh, service, { urls })),
    resources.use(await startReplica(mesh, service, { urls })),
  ];
  const urlsOf = (pair: readonly Replica[]) => pair.map(({ url }) => url);
  const [accounts, checkout] = await Promise.all([two('accounts'), two('checkout')]);
  const peersOf = (pair: readonly Replica[]) => pair.map(({ peerUrl }) => peerUrl).join();
  const gateway = await two('gateway', { accounts: peersOf(accounts), checkout: peersOf(checkout) });
  const through = { urls: { ...mesh.urls, gateway: gateway[0].url } };
  const crowd = await gatherCrowd(through, { gateways: urlsOf(gateway), sku: SKU, seed });
  const owned = resources.move();
  const replicas = { accounts, checkout, gateway };
  async function settled(): Promise<void> {
    let closed: readonly string[] = [];
    const what = (): string => `no replica is ejected and no circuit breaker open, but ${closed.join('; ')}`;
    await eventually(what, async () => {
      const pages = await Promise.all(gateway.map(async ({ url }) => (await fetch(`${url}/metrics`)).text()));
      closed = pages.flatMap((page) => page.match(CLOSED_TO_CALLS) ?? []);
      return closed.length === 0;
    });
  }
  return { mesh, replicas, crowd, through, settled, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function stockUp(mesh: TestMesh): Promise<void> {
  const { user } = await register(mesh);
  await makeAdmin(user.email, mesh.variables);
  const { accessToken: token } = await login(mesh, user.email);
  const body = { sku: SKU, name: 'Enamel kettle', price: 1990 };
  assert.equal((await rest(mesh, 'POST /v1/products', { token, body })).status, 201);
  const supply = { warehouseID: '1', delta: 1_000_000 };
  assert.equal((await rest(mesh, `POST /v1/products/${SKU}/stock`, { token, body: supply })).status, 200);
}

/** Prints the 5xx of a phase. */
export function show(what: string, tally: Tally): void {
  const failed = tally.lines().filter(([line]) => / 5\d\d$/.test(line));
  const shown = failed.map(([line, count]) => `${line}: ${count}`).join(', ') || 'no 5xx';
  console.log(`        ${what}: ${tally.count(/./)} answers, ${shown}, ${tally.unanswered} without an answer`);
}

/**
 * A session that is lost, an access token that is refused and an undocumented answer are failures. The share of 5xx may be small but
 * above 0: a call is not repeated that may have put goods into a cart, and on a busy machine a call may miss its deadline.
 * @param beside routes that may fail
 */
export function assertHardlyNoticed(tally: Tally, beside = /$^/): void {
  assert.deepEqual(tally.failures, []);
  const failed = tally.lines().filter(([line]) => / 5\d\d$/.test(line) && !beside.test(line));
  const count = failed.reduce((sum, [, times]) => sum + times, 0);
  assert.ok(count <= FAILED_SHARE_MAX * tally.count(/./), `${count} of ${tally.count(/./)}: ${failed.join('; ')}`);
}
