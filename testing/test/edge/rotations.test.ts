import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { identityVariables, replaceFile, type ServiceName } from 'mesh';
import { generateServiceKey, type JWK } from 'service-kit/identity';
import { eventually } from 'testing';
import { runTool } from 'tools/precommit';
import type { Sql } from '../../src/sql.ts';
import { assertHardlyNoticed, type BusyMesh, DOUBLED, openBusyMesh, show } from './busy-mesh.ts';
import { assertMeshHolds } from './check-mesh.ts';
import { login, openAccountsSql, rest } from './people.ts';

const seed = Number(process.env.SEED ?? randomInt(2 ** 31));

describe(`While people shop, keys change (SEED=${seed})`, function () {
  this.timeout(300_000);
  let busy: BusyMesh;
  let sql: Sql;

  before(async () => {
    busy = await openBusyMesh(seed);
    sql = openAccountsSql(busy.mesh);
  });
  after(async () => {
    await sql?.[Symbol.asyncDispose]();
    await busy?.[Symbol.asyncDispose]();
  });

  const activeKid = async () => (await sql("SELECT kid FROM signing_keys WHERE state = 'active'"))[0]?.kid;
  const kidOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()).kid;

  /** `make rotate-keys`, and waits until everybody has a token of the new key. */
  async function rotate(variables: NodeJS.ProcessEnv = {}): Promise<void> {
    const before = await activeKid();
    const { passed, output } = await runTool(['tools/src/rotate-keys.ts'], { ...busy.mesh.variables, ...variables });
    assert.ok(passed, output);
    await eventually('another key signs', async () => ![before, undefined].includes(await activeKid()));
    await eventually('everybody has a token of the new key', async () => {
      const kid = await activeKid();
      return busy.crowd.people.every(({ session }) => kidOf(session.accessToken) === kid);
    });
  }

  it('the signing key rotates, and rotates again at once: nobody is refused', async () => {
    const tally = await busy.crowd.during(async () => {
      await rotate();
      await rotate();
    });
    show('make rotate-keys, twice', tally);
    assertHardlyNoticed(tally);
  });

  it('all signing keys are replaced (LEAKED=yes): people refresh, and nobody loses a session', async () => {
    const tally = await busy.crowd.during(() => rotate({ LEAKED: 'yes' }), { tokensEnd: true });
    show(`make rotate-keys LEAKED=yes (${tally.count(/ 401$/)} times 401)`, tally);
    assertHardlyNoticed(tally);
    await eventually('every token is accepted', async () => {
      const later = await busy.crowd.during(async () => {}, { tokensEnd: true });
      assertHardlyNoticed(later);
      return later.count(/ 401$/) === 0;
    });
  });

  for (const service of DOUBLED) {
    it(`${service} changes its own key in its file and in the trust file: nobody is refused`, async () => {
      const { SERVICE_KEY_FILE, TRUST_FILE } = identityVariables(busy.mesh.paths, service);
      const { privateJwk, publicJwk } = await generateServiceKey();
      const trustOnly = (keys: (trusted: JWK[]) => JWK[]) => {
        const trust = JSON.parse(readFileSync(TRUST_FILE, 'utf8')) as Record<string, { keys: JWK[] }>;
        trust[service] = { keys: keys(trust[service]?.keys ?? []) };
        replaceFile(TRUST_FILE, JSON.stringify(trust), 0o644);
      };
      const logs = [
        ...Object.values(busy.replicas)
          .flat()
          .map(({ log }) => log),
        ...logsOfMesh(),
      ];
      const tally = await busy.crowd.during(async () => {
        const trusted = logs.map((log) => timesRead(log, 'TRUST_FILE'));
        trustOnly((keys) => [...keys, publicJwk]);
        await eventually('every process trusts the new key', () =>
          logs.every((log, index) => timesRead(log, 'TRUST_FILE') > (trusted[index] ?? 0)),
        );
        const signers = busy.replicas[service].map(({ log }) => log);
        const signed = signers.map((log) => timesRead(log, 'SERVICE_KEY_FILE'));
        replaceFile(SERVICE_KEY_FILE, JSON.stringify(privateJwk), 0o600);
        await eventually('both replicas use the new key', () =>
          signers.every((log, index) => timesRead(log, 'SERVICE_KEY_FILE') > (signed[index] ?? 0)),
        );
        trustOnly(() => [publicJwk]);
      });
      show(`a new key of ${service}`, tally);
      assertHardlyNoticed(tally);
    });
  }
  const logsOfMesh = () =>
    (['loms', 'products', 'notifications'] satisfies ServiceName[]).map(
      (name) => `${busy.mesh.paths.logs}/${name}.log`,
    );
  /** How often the process has read the file again. */
  const timesRead = (log: string, variable: string): number =>
    readFileSync(log, 'utf8')
      .split('\n')
      .filter((line) => line.includes(`"${variable}"`) && /new contents are in use/.test(line)).length;

  it('everybody changes the password: the other session ends, and the own one goes on', async () => {
    const others = await Promise.all(busy.crowd.people.map(({ session }) => login(busy.through, session.user.email)));
    const tally = await busy.crowd.during(async () => {
      for (const person of busy.crowd.people) {
        const body = { current: person.password, new: `${person.password}, and back` };
        const answer = await person.send('PUT /v1/me/password', { body });
        assert.equal(answer?.status, 204, String(answer?.text));
        person.password = body.new;
      }
    });
    show('password changes', tally);
    assertHardlyNoticed(tally);
    for (const { refreshToken, user } of others) {
      const refused = await rest(busy.through, 'POST /v1/auth/refresh', { body: { refreshToken } });
      assert.equal(refused.status, 401);
      const own = busy.crowd.people.find(({ session }) => session.user.id === user.id);
      assert.ok(own);
      await login(busy.through, user.email, own.password);
    }
  });

  it('and every invariant holds afterwards', () => assertMeshHolds(busy.mesh));
});
