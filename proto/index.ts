import type { ProtoLock } from 'rpc-kit/grpc';
import lock from './proto.lock.json' with { type: 'json' };

/** The numbers of all fields and enum values, as `make generate` has written them. */
export const protoLock: ProtoLock = lock;
