import { isIP } from 'node:net';
import type { FastifyRequest } from 'fastify';
import { RpcError } from 'rpc-kit';

/**
 * The client's IP address. Some proxies write `unknown` or a port into X-Forwarded-For; each such text would count as another
 * client, so the proxy counts instead.
 *
 * @throws {RpcError} cancelled, once the connection was reset: it has no address then
 */
export function clientAddressOf({ ip, socket }: Pick<FastifyRequest, 'ip' | 'socket'>): string {
  if (isIP(ip) > 0) return ip;
  if (socket.remoteAddress !== undefined) return socket.remoteAddress;
  throw new RpcError('cancelled', 'The caller went away');
}
