import grpc from '@grpc/grpc-js';
import { handlers, orderIsInRange } from '../work.ts';
import { definition } from './proto.js';

/** @grpc/grpc-js, unary: protobuf checks the types, the handler the ranges that protobuf cannot say. */
export function start() {
  const server = new grpc.Server();
  server.addService(definition['bench.Loms'], {
    CreateOrder({ request }, callback) {
      if (!orderIsInRange(request)) callback({ code: grpc.status.INVALID_ARGUMENT, message: 'out of range' });
      else callback(null, handlers.createOrder(request));
    },
    Stocks({ request }, callback) {
      callback(null, handlers.stocks(request));
    },
  });
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
      if (error) reject(error);
      else resolve(port);
    });
  });
}
