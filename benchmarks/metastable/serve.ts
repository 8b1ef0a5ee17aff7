import { pino } from 'pino';
import { adaptiveLimit, implement, serveHttp, shedLoad } from 'rpc-kit';
import { answerTo } from '../harness/child.ts';
import { createPool } from './pool.ts';
import type { Variant } from './variants.ts';
import { CAPACITY, work } from './work.ts';

const { deadlines, shedding } = JSON.parse(process.argv[2] ?? '') as Variant;
const pool = createPool(CAPACITY);
const limit = adaptiveLimit();

const service = implement(
  work,
  {
    async work(_params, { signal }) {
      await pool.run(deadlines ? signal : undefined);
      return {};
    },
  },
  { interceptors: shedding ? [shedLoad(limit)] : [] },
);
const server = await serveHttp(service, {
  host: '127.0.0.1',
  port: 0,
  logger: pino({ level: 'silent' }),
  ...(shedding && { admission: limit }),
});

answerTo({ url: () => server.url, stall: (ms: number) => pool.stall(ms) });
