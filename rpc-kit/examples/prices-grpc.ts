import { createClient } from 'rpc-kit';
import { createGrpcTransport, createServiceCodec, serveGrpc, updateLock } from 'rpc-kit/grpc';
import { prices } from './prices-contract.ts';
import { pricesService } from './prices-service.ts';

// The numbers of all fields. Keep the lock in a file and update it there: known fields keep their numbers.
const lock = updateLock({ package: 'example', services: {} }, [prices]);
const codec = createServiceCodec(prices, lock);

/** Serves the prices over gRPC, and asks for one. */
export async function priceOverGrpc(sku: number): Promise<number> {
  await using server = await serveGrpc(pricesService, { host: '127.0.0.1', port: 0, codec });
  await using transport = createGrpcTransport(server.url, { codec, userAgent: 'example/1.0.0' });
  const { price } = await createClient(prices, transport).priceOf({ sku });
  return price;
}
