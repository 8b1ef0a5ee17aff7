import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createTestDatabase, eventually } from 'testing';
import {
  checkInvariants,
  type DatabaseUrls,
  findBroken,
  openSources,
  RULES,
  reportLines,
  type Sources,
} from '../src/index.ts';
import { connect } from '../src/snapshot.ts';
import { DAMAGES, type Damage } from './damages.ts';
import { openWorld, type World } from './world.ts';

const SECRET = 'a password that was planted';
const SERVICES = ['loms', 'checkout', 'notifications', 'products', 'accounts'] as const;

describe('The invariants', () => {
  let world: World;
  let logFolder: string;

  before(async () => {
    world = await openWorld();
    logFolder = await mkdtemp(join(tmpdir(), 'order-mesh-logs-'));
    await writeFile(join(logFolder, 'loms.log'), '{"msg":"nothing of interest"}\n');
  });
  after(async () => {
    await world[Symbol.asyncDispose]();
    await rm(logFolder, { recursive: true });
  });

  const withoutDatabases = () => {
    const { history, stockWatch, journal } = world;
    return { history, stockWatch, journal, logs: { folder: logFolder, secrets: [SECRET] } };
  };

  it('hold in a world of real services, except those without data', async () => {
    await using opened = await openSources(world.urls);
    const verdicts = await checkInvariants({ ...opened.sources, ...withoutDatabases() });
    assert.deepEqual(
      verdicts.filter(({ verdict }) => verdict === 'broken'),
      [],
    );
    const unseen = verdicts.filter(({ verdict }) => verdict === 'not checked').map(({ id }) => id);
    // No event fails in this world, nobody logs out, and tests' roles have no connection limit.
    assert.deepEqual(unseen, ['E5', 'A3', 'Y2']);
    assert.equal(verdicts.length, RULES.length);
  });

  for (const damage of DAMAGES) {
    it(`turn red when ${damage.what.replace(/^(..): (.*)$/, '$2 ($1)')}`, async () => {
      const broken = await brokenBy(damage);
      assert.deepEqual(Object.keys(broken).toSorted(), damage.breaks.toSorted());
    });
  }

  it('are each tested to turn red here, or below (Y2, Y5)', () => {
    const shown = new Set(DAMAGES.flatMap(({ breaks }) => breaks).map((part) => part.slice(0, 2)));
    assert.deepEqual(
      RULES.map(({ id }) => id).filter((id) => !shown.has(id)),
      ['Y2', 'Y5'],
    );
  });

  it('name tests that exist', async () => {
    await using opened = await openSources(world.urls);
    const named = JSON.stringify(reportLines(await checkInvariants(opened.sources))).match(/[\w/-]+\.test\.ts/g) ?? [];
    assert.ok(named.length > 0);
    for (const path of named) assert.ok(existsSync(resolve(import.meta.dirname, '../..', path)), path);
  });

  it('turn red when a transaction is open for too long (Y2)', async () => {
    const idler = await connect(world.urls.loms);
    try {
      await idler.query("SET application_name = 'loms'");
      await idler.query('BEGIN');
      await idler.query('SELECT pg_sleep(0.2)');
      await using opened = await openSources(world.urls);
      const broken = await findBroken(opened.sources, { only: ['Y2'], transactionMaxMs: 100 });
      assert.deepEqual(Object.keys(broken), ['Y2, the sessions of loms']);
    } finally {
      await idler.end();
    }
  });

  it('turn red when a log contains a secret (Y3), which is not printed', async () => {
    await writeFile(join(logFolder, 'checkout.log'), `first line\nthe password is ${SECRET}\n`);
    try {
      const broken = await findBroken(withoutDatabases(), { only: ['Y3'] });
      assert.deepEqual(broken, { 'Y3, the logs': [{ file: join(logFolder, 'checkout.log'), line: 2 }] });
    } finally {
      await rm(join(logFolder, 'checkout.log'));
    }
  });

  it('hold as far as the sources show, and name the missing sources', async () => {
    await using opened = await openSources({ loms: world.urls.loms });
    const verdicts = await checkInvariants(opened.sources);
    const byID = new Map(verdicts.map((verdict) => [verdict.id, verdict]));
    assert.deepEqual(
      verdicts.filter(({ verdict }) => verdict === 'holds').map(({ id }) => id),
      ['S1', 'S2', 'S3', 'S5', 'O1', 'O4', 'E1', 'E3', 'E4', 'Y5'],
    );
    const whyOf = (id: string) => (byID.get(id) as { why?: string }).why ?? '';
    assert.equal(whyOf('O2'), 'needs a history file (HISTORY=…)');
    assert.match(
      whyOf('E2'),
      /the notifications: needs the database of notifications \(NOTIFICATIONS_DATABASE_URL=…\)/,
    );
    assert.match(whyOf('S4'), /at rest/);
  });

  it('turn red when transactions have deadlocked (Y5)', async () => {
    await using database = await createTestDatabase('loms');
    await using opened = await openSources({ loms: database.url });
    assert.deepEqual(await findBroken(opened.sources, { only: ['Y5'] }), {});
    await causeDeadlock(database.directUrl);
    await eventually('Postgres has counted the deadlock', async () => {
      await using later = await openSources({ loms: database.url });
      return 'Y5, the deadlocks' in (await findBroken(later.sources, { only: ['Y5'] }));
    });
  });

  /** The violations after the damage, which is rolled back. */
  async function brokenBy({ sql = {}, sources = (given) => given }: Damage): Promise<Record<string, unknown>> {
    const clients = await Promise.all(SERVICES.map((service) => connect(world.urls[service])));
    try {
      const queries: [keyof DatabaseUrls, Sources['loms']][] = [];
      for (const [index, service] of SERVICES.entries()) {
        const client = clients[index];
        await client?.query('BEGIN');
        await client?.query(sql[service] ?? 'SELECT');
        queries.push([service, async (text, values) => (await client?.query(text, values))?.rows ?? []]);
      }
      return await findBroken(sources({ ...Object.fromEntries(queries), ...withoutDatabases() }));
    } finally {
      for (const client of clients) await client.end();
    }
  }
});

/** Two transactions that wait for each other's lock; Postgres fails one of them. */
async function causeDeadlock(url: string): Promise<void> {
  const [one, other] = [await connect(url), await connect(url)];
  const lock = (client: typeof one, key: number) => client.query(`SELECT pg_advisory_xact_lock(${key})`);
  try {
    for (const client of [one, other]) await client.query('BEGIN');
    await Promise.all([lock(one, 1), lock(other, 2)]);
    const outcomes = await Promise.allSettled([lock(one, 2), lock(other, 1)]);
    assert.equal(outcomes.filter(({ status }) => status === 'rejected').length, 1);
  } finally {
    for (const client of [one, other]) await client.end();
  }
}
