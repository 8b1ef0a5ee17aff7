import { isDeepStrictEqual } from 'node:util';
import grpc from '@grpc/grpc-js';
import { answerTo } from '../../harness/child.ts';
import { closedLoop } from '../../harness/closed-loop.ts';
import { toRpcName } from '../dialects.ts';
import { definition } from '../servers/proto.js';
import { stayAwake } from './stay-awake.ts';

let channel;
let lanes = [];

/** The load generator for gRPC: the client of @grpc/grpc-js with one connection, which carries all calls side by side. */
answerTo({
  async prepare({ timing, result, ...target }) {
    channel?.[Symbol.dispose]();
    const current = openChannel(target);
    channel = current;
    const reply = await current.call();
    if (!isDeepStrictEqual(reply, result)) throw new Error(`answered ${JSON.stringify(reply)}`);
    const lane = () =>
      current.call().then(
        () => true,
        () => false,
      );
    lanes = new Array(timing.concurrency).fill(lane);
    using _awake = stayAwake();
    await closedLoop(lanes, { ...timing, warmUpMs: 0, measureMs: timing.warmUpMs });
  },
  async run(timing) {
    using _awake = stayAwake();
    return await closedLoop(lanes, { ...timing, warmUpMs: 0 });
  },
  /** @returns whether the call was refused */
  async isRefused(target) {
    using one = openChannel(target);
    return await one.call().then(
      () => false,
      (error) => error.code === grpc.status.INVALID_ARGUMENT,
    );
  },
});

function openChannel({ port, method, params }) {
  const { path, requestSerialize, responseDeserialize } = definition['bench.Loms'][toRpcName(method)];
  const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  return {
    call: () =>
      new Promise((resolve, reject) => {
        client.makeUnaryRequest(path, requestSerialize, responseDeserialize, params, (error, reply) => {
          if (error) reject(error);
          else resolve(reply);
        });
      }),
    [Symbol.dispose]: () => client.close(),
  };
}
