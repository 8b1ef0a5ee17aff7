import { implement, type Service } from 'rpc-kit';
import { type ServingParts, serviceOptions } from 'service-kit';
import { products } from '../contract.ts';
import { createHandlers, type HandlerParts } from './handler/handlers.ts';
import { countChanges } from './product-metrics.ts';

export interface Parts extends HandlerParts, ServingParts {}

export function createApp(parts: Parts): Service<typeof products.methods> {
  const store = countChanges(parts.registry, parts.store);
  return implement(products, createHandlers({ ...parts, store }), serviceOptions(parts));
}
