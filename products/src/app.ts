import { implement, type Service } from 'rpc-kit';
import { type ServingParts, serviceOptions } from 'service-kit';
import { products } from '../contract.ts';
import type { Catalogue } from './catalogue.ts';
import { createHandlers } from './handler/handlers.ts';

export interface Parts extends ServingParts {
  readonly catalogue: Catalogue;
  /** The token that callers must send. */
  readonly token: string;
}

export function createApp(parts: Parts): Service<typeof products.methods> {
  return implement(products, createHandlers(parts.catalogue, parts.token), serviceOptions(parts));
}
