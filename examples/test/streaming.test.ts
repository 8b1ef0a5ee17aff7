import assert from 'node:assert/strict';
import { serveHttp } from 'rpc-kit';
import { serveGrpc } from 'rpc-kit/grpc';
import { pickFreePorts } from 'testing';
import { createTicker } from '../streaming/service.ts';
import { codec, watch } from '../streaming/watch.ts';
import { startProgram } from './programs.ts';

type Service = ReturnType<typeof createTicker>['service'];

const WIRES = {
  http: (service: Service, port: number) => serveHttp(service, { host: '127.0.0.1', port }),
  grpc: (service: Service, port: number) => serveGrpc(service, { host: '127.0.0.1', port, codec }),
};

describe('The example of streaming', () => {
  for (const [scheme, serve] of Object.entries(WIRES)) {
    it(`resumes over ${scheme} when the server has restarted, with each item once`, async () => {
      const { service, change } = createTicker();
      for (const price of [10, 11, 12]) change(7, price);
      change(8, 99);
      const first = await serve(service, 0);
      const stream = watch(`${scheme}://127.0.0.1:${first.port}`, 7);
      const seen: unknown[] = [];
      const take = async () => {
        seen.push((await stream.next()).value);
      };
      for (let item = 0; item < 3; item++) await take();

      await first.close();
      change(7, 13);
      await using _second = await serve(service, first.port);
      await take();
      change(7, 14);
      await take();
      await stream.return(undefined);
      assert.deepEqual(seen, [
        ...[10, 11, 12].map((price, index) => ({ seq: index + 1, price })),
        { seq: 5, price: 13 },
        { seq: 6, price: 14 },
      ]);
    });
  }

  it('has a program that serves both wires', async () => {
    await using stack = new AsyncDisposableStack();
    const [http, grpc] = await pickFreePorts(2);
    const program = await startProgram(stack, 'streaming/main.ts', { PORTS: `${http},${grpc}` });
    const firsts: number[] = [];
    for (const url of [program.url, `grpc://127.0.0.1:${grpc}`]) {
      for await (const { seq } of watch(url, 7)) {
        firsts.push(seq);
        break;
      }
    }
    assert.equal(new Set(firsts).size, 1);
    assert.equal(await program.stop('SIGINT'), 0);
  });
});
