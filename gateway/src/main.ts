import { fastify } from 'fastify';
import { openProcess, run } from 'service-kit';
import { gatewayConfig } from './config.ts';

await run('gateway', async (stopped) => {
  await using opened = await openProcess({ name: 'gateway', version: '0.1.0' }, gatewayConfig);
  const { config, logListening } = opened;
  const server = fastify();
  server.get('/healthz', async () => ({ status: 'ok' }));
  server.get('/readyz', async () => ({ status: 'ready', checks: {} }));
  logListening(await server.listen({ host: config.HOST, port: config.PORT }), stopped);
  await stopped;
  await server.close();
});
