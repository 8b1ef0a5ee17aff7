import { isIP } from 'node:net';
import type { FastifyRequest } from 'fastify';

/**
 * The client's IP address. Some proxies write `unknown` or a port into X-Forwarded-For; each such text would count as another
 * client, so the proxy counts instead.
 */
export function clientAddressOf({ ip, socket }: FastifyRequest): string {
  return isIP(ip) > 0 ? ip : (socket.remoteAddress ?? ip);
}
