import { checkout } from 'checkout/contract.ts';
import { loms } from 'loms/contract.ts';
import { createClient, createHttpTransport } from 'rpc-kit';
import type { Clients } from './user.ts';

export const USER_AGENT = 'storm/0.1.0';
export const FACES = ['rpc', 'plain'] as const;

type Face = (typeof FACES)[number];

export interface Urls {
  readonly checkout: string;
  readonly loms: string;
}

/** Without batches: each user is a separate client, and the latency of a call should be its own. */
export function connect(
  { checkout: checkoutUrl, loms: lomsUrl }: Urls,
  face: Face,
  connections: number,
  stack: AsyncDisposableStack,
): Clients {
  const options = { face, batching: false, connections, userAgent: USER_AGENT } as const;
  const open = (url: string) => stack.use(createHttpTransport(url, options));
  return { checkout: createClient(checkout, open(checkoutUrl)), loms: createClient(loms, open(lomsUrl)) };
}
