import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { z } from 'zod';
import { type commonVariables, loadConfig, maskSecrets } from './config.ts';
import { IDENTITY_RULE, type Identity, openIdentity } from './identity/identity.ts';
import { certificateGauge, TLS_RULE } from './identity/mutual-tls.ts';
import { switchLogLevelOnSignal } from './observing/log-level.ts';
import { createLogger } from './observing/logger.ts';
import { serveProfiles } from './observing/profile-socket.ts';
import { createRegistry } from './observing/registry.ts';
import { startTracing } from './observing/tracing.ts';

export type ProcessConfig = z.ZodObject<typeof commonVariables>;

/** The resources of every process of the mesh. Declared first, they are disposed last. */
export interface OpenProcess<S extends ProcessConfig> extends AsyncDisposable {
  readonly config: z.output<S>;
  readonly logger: Logger;
  readonly registry: Registry;
  readonly identity: Identity;
  /** Sent to peers: `checkout/0.1.0`. */
  readonly userAgent: string;
  /** Logs the address and the configuration, and the reason of the stop once there is one. */
  logListening(url: string, stopped: Promise<string>): void;
}

/** Reads the configuration and opens logging, the identity, metrics, profiles and tracing. */
export async function openProcess<S extends ProcessConfig>(
  { name, version }: { readonly name: string; readonly version: string },
  schema: S,
): Promise<OpenProcess<S>> {
  await using resources = new AsyncDisposableStack();
  const config = loadConfig(schema.refine(...IDENTITY_RULE).refine(...TLS_RULE));
  const logger = createLogger(name, config.LOG_LEVEL);
  const identity = resources.use(openIdentity(name, config, logger));
  resources.use(switchLogLevelOnSignal(logger));
  resources.use(await serveProfiles({ service: name, directory: config.PROFILE_DIR, logger }));
  const registry = createRegistry(name);
  certificateGauge(registry, identity.tls);
  resources.use(await startTracing(name, version, config, logger));
  const opened = resources.move();
  return {
    config,
    logger,
    registry,
    identity,
    userAgent: `${name}/${version}`,
    logListening(url, stopped) {
      logger.info({ url, node: process.version, config: maskSecrets(schema, config) }, 'listening');
      void stopped.then((why) => logger.info({ why }, 'stopping'));
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
