import { z } from 'zod';

const port = z.coerce.number().int().min(0).max(65_535);
const ms = z.coerce.number().int().min(0).max(60_000);

/** The environment of both processes. A value out of range ends the process before it serves. */
export const settings = z
  .object({
    HOST: z.string().default('127.0.0.1'),
    /** 0 picks a free port. */
    PORT: port.default(0),
    LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
    /** From SIGTERM until the port closes: the time in which load balancers notice that the process is not ready. */
    NOT_READY_MS: ms.default(0),
    /** From then on: the time that calls in flight have to finish. */
    FINISH_MS: ms.default(3_500),
    /** Of prices: URLs separated by commas, or one URL with the prefix `dns+`, which means all addresses of its name. */
    PRICES_URLS: z.string().default('http://127.0.0.1:7001'),
  })
  .parse(process.env);
