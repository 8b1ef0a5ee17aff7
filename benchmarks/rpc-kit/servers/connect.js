import { createServer } from 'node:http';
import { create, createFileRegistry, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { listen } from '../../harness/json-server.ts';
import { handlers, orderIsInRange } from '../work.ts';
import { definition } from './proto.js';

/** Connect over HTTP/1.1 with JSON: protobuf-es checks the types, the handler the ranges that protobuf cannot say. */
export function start() {
  const loms = serviceOf('bench.Loms');
  const routes = (router) =>
    router.service(loms, {
      createOrder({ user, items }) {
        const params = { user: Number(user), items };
        if (!orderIsInRange(params)) throw new ConnectError('out of range', Code.InvalidArgument);
        return { orderID: BigInt(handlers.createOrder(params).orderID) };
      },
      stocks({ sku }) {
        const { stocks } = handlers.stocks({ sku });
        return {
          stocks: stocks.map(({ warehouseID, count }) => ({ warehouseID: BigInt(warehouseID), count: BigInt(count) })),
        };
      },
    });
  return listen(createServer(connectNodeAdapter({ routes })));
}

/** The description that protoc-gen-es would have generated, from the loaded .proto file. */
function serviceOf(name) {
  const { fileDescriptorProtos } = definition['bench.CreateOrderRequest'];
  const file = fileDescriptorProtos.map((bytes) => completed(fromBinary(FileDescriptorProtoSchema, bytes)));
  return createFileRegistry(create(FileDescriptorSetSchema, { file })).getService(name);
}

/** The loader leaves names of messages relative to their package and JSON names out; protobuf-es wants both. */
function completed(file) {
  const full = (name) => (name === '' || name.startsWith('.') ? name : `.${file.package}.${name}`);
  for (const field of file.messageType.flatMap((message) => message.field)) {
    field.typeName = full(field.typeName);
    field.jsonName = field.name;
  }
  for (const method of file.service.flatMap((service) => service.method)) {
    method.inputType = full(method.inputType);
    method.outputType = full(method.outputType);
  }
  return file;
}
