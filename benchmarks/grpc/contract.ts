import { create, createFileRegistry, type DescMessage, fromBinary, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { createServiceCodec, updateLock } from 'rpc-kit/grpc';
import { loms } from '../rpc-kit/contract.ts';
import { handlers, type MethodName, type OrderParams, type StocksParams, WORK } from '../rpc-kit/work.ts';

/** The work of the benchmark `rpc-kit`, as protobuf. */
export const codec = createServiceCodec(loms, updateLock({ package: 'bench', services: {} }, [loms]));

const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: [...codec.files] }));
export const lomsService = registry.getService(codec.serviceName) as NonNullable<
  ReturnType<typeof registry.getService>
>;

const messageOf = (name: string): DescMessage => registry.getMessage(`bench.loms.v1.${name}`) as DescMessage;

/** A method for the contenders that read and write messages by protobuf-es itself. */
export interface PlainMethod {
  readonly path: string;
  readonly request: DescMessage;
  readonly response: DescMessage;
  /** 64-bit numbers are bigints, as protobuf-es has them. */
  readonly handle: (params: never) => Record<string, unknown>;
  readonly params: Record<string, unknown>;
}

const order = WORK.createOrder.params as OrderParams;

export const PLAIN: Readonly<Record<MethodName, PlainMethod>> = {
  createOrder: {
    path: codec.byName.get('createOrder')?.path ?? '',
    request: messageOf('CreateOrderRequest'),
    response: messageOf('CreateOrderResponse'),
    handle: ({ user, items }: { user: bigint; items: OrderParams['items'] }) => ({
      orderId: BigInt(handlers.createOrder({ user: Number(user), items }).orderID),
    }),
    params: { user: BigInt(order.user), items: order.items },
  },
  stocks: {
    path: codec.byName.get('stocks')?.path ?? '',
    request: messageOf('StocksRequest'),
    response: messageOf('StocksResponse'),
    handle: (params: StocksParams) => ({
      stocks: handlers.stocks(params).stocks.map(({ warehouseID, count }) => ({
        warehouseId: BigInt(warehouseID),
        count: BigInt(count),
      })),
    }),
    params: WORK.stocks.params as Record<string, unknown>,
  },
};

export const encode = (desc: DescMessage, value: Record<string, unknown>): Uint8Array =>
  toBinary(desc, create(desc, value as never));
export const decode = (desc: DescMessage, bytes: Uint8Array): unknown => fromBinary(desc, bytes);
