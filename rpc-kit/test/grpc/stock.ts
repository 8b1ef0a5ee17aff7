import { type Client, createClient, defineService, int64, RpcError } from 'rpc-kit';
import { z } from 'zod';
import { createGrpcTransport, type GrpcTransport, type GrpcTransportOptions } from '../../src/grpc/client/transport.ts';
import { jsonCodec } from './json-codec.ts';

export const stock = defineService(
  'stock',
  { summary: 'Counts goods.', version: '1.0.0' },
  {
    count: {
      summary: 'Counts.',
      params: z.strictObject({ sku: int64 }),
      result: z.object({ count: int64 }),
      errors: {
        no_such_sku: { code: 'not_found', message: 'There is no such sku', details: z.object({ sku: int64 }) },
      },
      timeoutMs: 60_000,
      reads: true,
      example: { params: { sku: 1 }, result: { count: 1 } },
    },
  },
);

export type StockClient = Client<typeof stock.methods>;

export function openStock(
  url: string,
  options: Partial<GrpcTransportOptions> = {},
): { readonly client: StockClient; readonly transport: GrpcTransport } {
  const transport = createGrpcTransport(url, { codec: jsonCodec(stock), userAgent: 'test/1', ...options });
  return { client: createClient(stock, transport), transport };
}

/** The error of a call that has to fail. */
export async function failureOf(call: Promise<unknown>): Promise<RpcError> {
  const [outcome] = await Promise.allSettled([call]);
  if (outcome.status === 'rejected' && outcome.reason instanceof RpcError) return outcome.reason;
  throw new Error(`The call did not fail with an RpcError: ${JSON.stringify(outcome)}`);
}
