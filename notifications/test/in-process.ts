import type { Delivery } from 'invariants';
import { pino } from 'pino';
import { serveHttp } from 'rpc-kit';
import { httpMetrics } from 'rpc-kit/metrics';
import { createRegistry, openDatabase } from 'service-kit';
import type { RunningService } from 'testing';
import { createApp } from '../src/app.ts';
import { createHistory } from '../src/history/history.ts';
import { openNotifications } from '../src/repository/notifications.ts';

/** The log line of an announced notification. */
export interface Announced {
  readonly msg: string;
  readonly user: string;
  readonly order_id: string;
  readonly seq: number;
  readonly status: string;
}

export interface NotificationsOptions {
  readonly port?: number;
  readonly databaseUrl: string;
  /** Receives every announced notification. */
  readonly announced: Announced[];
}

const POOL_MAX = 10;

/** notifications over HTTP, in this process. */
export async function startNotifications({
  port = 0,
  databaseUrl,
  announced,
}: NotificationsOptions): Promise<RunningService> {
  await using resources = new AsyncDisposableStack();
  const keep = (line: string): void => {
    const entry = JSON.parse(line) as Announced;
    if (entry.msg === 'notification') announced.push(entry);
  };
  const logger = pino({ base: null }, { write: keep });
  const registry = createRegistry('notifications');
  const database = resources.use(openDatabase({ url: databaseUrl, poolMax: POOL_MAX, logger, registry }));
  const service = createApp({
    notifications: openNotifications(database, []),
    history: createHistory(database),
    logger,
    registry,
  });
  const server = await serveHttp(service, { host: '127.0.0.1', port, logger, metrics: httpMetrics(registry) });
  resources.defer(() => server.close(0));
  const owned = resources.move();
  return { url: server.url, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

export function journalOf(announced: readonly Announced[]): Delivery[] {
  return announced.map(({ order_id, seq }) => ({ orderID: BigInt(order_id), seq }));
}
