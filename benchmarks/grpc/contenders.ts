/** The first of each list is the baseline. */
export const SERVERS = [
  { name: 'bare', title: 'bare node:http2 and protobuf-es' },
  { name: 'grpc', title: '**rpc-kit, everything on**' },
  { name: 'grpc-off', title: '**rpc-kit, no interceptors**' },
  { name: 'grpc-js', title: '@grpc/grpc-js' },
  { name: 'connect', title: 'connect-node, gRPC protocol' },
] as const;

export const CLIENTS = [
  { name: 'bare', title: 'bare node:http2 and protobuf-es' },
  { name: 'grpc', title: '**rpc-kit, everything on**' },
  { name: 'grpc-off', title: '**rpc-kit, no interceptors**' },
  { name: 'grpc-js', title: '@grpc/grpc-js' },
  { name: 'connect', title: 'connect-node, gRPC protocol' },
] as const;

export type ServerName = (typeof SERVERS)[number]['name'];
export type ClientName = (typeof CLIENTS)[number]['name'];
