import { checkout } from 'checkout/contract.ts';
import { loms } from 'loms/contract.ts';
import type { MeshCaller } from 'mesh';
import { notifications } from 'notifications/contract.ts';
import { products } from 'products/contract.ts';
import { createClient, createHttpTransport, type ServiceContract, type TlsSource } from 'rpc-kit';
import type { Clients } from './user.ts';

export const USER_AGENT = 'storm/0.1.0';
export const FACES = ['rpc', 'plain'] as const;

type Face = (typeof FACES)[number];

export interface Urls {
  readonly checkout: string;
  readonly loms: string;
  readonly products: string;
  readonly notifications: string;
}

/** Signs the calls of the storm, which are those of the gateway, and shows a certificate where the services ask for one. */
export type Caller = Pick<MeshCaller, 'signerFor'> & { readonly tls?: TlsSource | undefined };

/** Without batches: each user is a separate client, and the latency of a call should be its own. */
export function connect(
  urls: Urls,
  caller: Caller,
  face: Face,
  connections: number,
  stack: AsyncDisposableStack,
): Clients {
  const options = { face, batching: false, connections, userAgent: USER_AGENT, tls: caller.tls } as const;
  const open = ({ name }: ServiceContract, url: string) =>
    stack.use(createHttpTransport(url, { ...options, authorization: caller.signerFor(name) }));
  return {
    checkout: createClient(checkout, open(checkout, urls.checkout)),
    loms: createClient(loms, open(loms, urls.loms)),
    products: createClient(products, open(products, urls.products)),
    notifications: createClient(notifications, open(notifications, urls.notifications)),
  };
}
