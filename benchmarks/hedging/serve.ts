import { pino } from 'pino';
import { implement, injectFaults, serveHttp } from 'rpc-kit';
import { answerTo } from '../harness/child.ts';
import { lookup, STALLS } from './variants.ts';

/** One replica, which answers at once or stalls: `serve.ts <seed>`. */
const seed = Number(process.argv[2]);
let calls = 0;
const stalls = injectFaults(lookup, { faults: [{ method: 'find', kind: 'delay', ...STALLS }], seed });
const handlers = {
  async find({ key }: { key: bigint }) {
    calls += 1;
    return { found: key };
  },
  store: async () => ({}),
};
const service = implement(lookup, handlers, { interceptors: [stalls] });
const server = await serveHttp(service, { host: '127.0.0.1', port: 0, logger: pino({ level: 'silent' }) });

answerTo({ url: () => server.url, calls: () => calls });
