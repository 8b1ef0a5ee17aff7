import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Service } from '../../server.ts';
import { answerRequest } from './exchange.ts';
import { createMount, type Mounted, type MountOptions } from './mount.ts';
import { NodeRequest } from './node-request.ts';
import { NodeResponse } from './node-response.ts';

/** What `createNodeHandler` gives to the host. */
export interface NodeHandler extends Mounted {
  (request: IncomingMessage, response: ServerResponse): void;
}

/**
 * Serves a service on another server of node:http, Express or Fastify: both faces, its documents, and every limit that does not
 * belong to connections. Readable bodies are needed, so body parsers come after it.
 * @throws {RangeError} for a limit outside its range
 * @throws {TypeError} for a prefix that is no path
 */
export function createNodeHandler(service: Service, options: MountOptions = {}): NodeHandler {
  const { router, owe, close, [Symbol.asyncDispose]: dispose } = createMount(service, options, true);
  const handle = (message: IncomingMessage, response: ServerResponse): void => {
    // The caller has left, or the host has answered, e.g. after a timeout of its own.
    if (response.headersSent || response.destroyed) return;
    const request = new NodeRequest(message, router.limits);
    const pending = owe();
    response.once('close', () => {
      request.leave();
      pending.abandon();
    });
    answerRequest(router, request, new NodeResponse(response), pending);
  };
  return Object.assign(handle, { close, [Symbol.asyncDispose]: dispose });
}
