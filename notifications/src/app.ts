import { implement, type Service } from 'rpc-kit';
import { isFaultOfData, type ServingParts, serviceOptions } from 'service-kit';
import { notifications } from '../contract.ts';
import { createAnnounce } from './announce.ts';
import type { Announce, OpenNotifications } from './domain/ports.ts';
import { createHandlers } from './handler/handlers.ts';
import type { History } from './history/history.ts';

export interface Parts extends ServingParts {
  readonly notifications: OpenNotifications;
  readonly history: History;
  /** Default: log and count. */
  readonly announce?: Announce;
}

export function createApp(parts: Parts): Service<typeof notifications.methods> {
  const { announce = createAnnounce(parts.logger, parts.registry) } = parts;
  return implement(notifications, createHandlers({ ...parts, announce, isFaultOfData }), serviceOptions(parts));
}
