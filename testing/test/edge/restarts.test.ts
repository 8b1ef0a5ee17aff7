import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { assertHardlyNoticed, type BusyMesh, DOUBLED, openBusyMesh, show } from './busy-mesh.ts';
import { assertMeshHolds } from './check-mesh.ts';

const seed = Number(process.env.SEED ?? randomInt(2 ** 31));

for (const calls of ['json', 'grpc'] as const) {
  describe(`While people shop (CALLS=${calls} SEED=${seed})`, function () {
    this.timeout(300_000);
    let busy: BusyMesh;

    before(async () => {
      busy = await openBusyMesh(seed, calls);
    });
    after(() => busy?.[Symbol.asyncDispose]());

    for (const service of DOUBLED) {
      it(`the replicas of ${service} restart one after the other: hardly a request fails`, async () => {
        const tally = await busy.crowd.during(async () => {
          for (const replica of busy.replicas[service]) {
            await replica.stop();
            await replica.start();
            await busy.settled();
          }
        });
        show(`rolling restart of ${service}`, tally);
        assertHardlyNoticed(tally);
      });
    }

    for (const service of DOUBLED) {
      it(`kill -9 of one of two replicas of ${service}: nobody loses a session`, async () => {
        const [, second] = busy.replicas[service];
        const tally = await busy.crowd.during(async () => {
          await second.kill();
          await second.start();
        });
        show(`kill -9 of one of two replicas of ${service}`, tally);
        assert.deepEqual(tally.failures, []);
      });
    }

    /** The routes that need the service. */
    const NEEDED = { accounts: /\/v1\/(auth|me)/, checkout: /\/v1\/cart/, gateway: /$^/ };
    for (const service of DOUBLED) {
      it(`the only replica of ${service} restarts: other routes answer, and nobody loses a session`, async () => {
        const [only, second] = busy.replicas[service];
        await second.stop();
        let downMs = 0;
        const tally = await busy.crowd.during(async () => {
          const began = performance.now();
          await only.stop();
          await only.start();
          downMs = performance.now() - began;
        });
        show(`restart of the only replica of ${service} (${Math.round(downMs)} ms)`, tally);
        await second.start();
        assertHardlyNoticed(tally, NEEDED[service]);
      });
    }

    it('and every invariant holds afterwards', async () => {
      await assertMeshHolds(busy.mesh);
    });
  });
}
