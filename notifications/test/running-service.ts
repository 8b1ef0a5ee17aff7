import { pino } from 'pino';
import { Registry } from 'prom-client';
import { type Client, createClient, createHttpTransport, serveHttp } from 'rpc-kit';
import { httpMetrics } from 'rpc-kit/metrics';
import { type Database, openDatabase } from 'service-kit';
import { notifications } from '../contract.ts';
import { createApp } from '../src/app.ts';
import { createHistory } from '../src/history/history.ts';
import { openNotifications } from '../src/repository/notifications.ts';

export interface NotificationLine {
  readonly user: string;
  readonly order_id: string;
  readonly seq: number;
  readonly status: string;
  readonly text: string;
}

/** One replica of the service as it runs: over HTTP and with a pool of its own. */
export interface RunningService extends AsyncDisposable {
  readonly client: Client<typeof notifications.methods>;
  readonly url: string;
  readonly database: Database;
  /** The log lines of notifications so far. */
  notificationLines(): NotificationLine[];
}

const POOL_MAX = 10;

export async function startService(databaseUrl: string): Promise<RunningService> {
  await using resources = new AsyncDisposableStack();
  const lines: (NotificationLine & { msg: string })[] = [];
  const logger = pino({ base: null }, { write: (line: string) => lines.push(JSON.parse(line)) });
  const registry = new Registry();
  const database = resources.use(openDatabase({ url: databaseUrl, poolMax: POOL_MAX, logger, registry }));
  const service = createApp({
    notifications: openNotifications(database, []),
    history: createHistory(database),
    logger,
    registry,
  });
  const server = resources.use(
    await serveHttp(service, { host: '127.0.0.1', port: 0, logger, metrics: httpMetrics(registry) }),
  );
  const transport = resources.use(createHttpTransport(server.url, { userAgent: 'tests' }));
  const owned = resources.move();
  return {
    client: createClient(notifications, transport),
    url: server.url,
    database,
    notificationLines: () => lines.filter(({ msg }) => msg === 'notification'),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
