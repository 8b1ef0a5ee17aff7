import type { Registry } from 'prom-client';
import type { Passwords } from '../domain/ports.ts';
import { createHasher } from './hasher.ts';
import { createJudge } from './judge.ts';
import type { HashParameters } from './phc.ts';

/** @param lengthMin characters of a new password */
export function createPasswords(lengthMin: number, registry: Registry, parameters?: HashParameters): Passwords {
  return { ...createHasher(registry, parameters), lengthMin, problemOf: createJudge(lengthMin) };
}
