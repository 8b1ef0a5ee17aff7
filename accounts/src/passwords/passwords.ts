import { RpcError } from 'rpc-kit';
import type { Passwords } from '../domain/ports.ts';

export function createPasswords(lengthMin: number): Passwords {
  return {
    lengthMin,
    enter() {
      throw new RpcError('unimplemented', 'Passwords are not there yet');
    },
    isOutdated: () => false,
    problemOf: (password) => ([...password].length < lengthMin ? 'too_short' : undefined),
  };
}
