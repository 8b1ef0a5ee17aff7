import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT_DIRECTORY } from 'mesh';
import { type ProtoLock, parseProtoLock, toProtoFile, updateLock } from 'rpc-kit/grpc';
import { contracts } from '../contracts.ts';

const LOCK_PATH = 'proto/proto.lock.json';

/** The lock file with numbers for all that the contracts declare now. */
export function currentLock(): ProtoLock {
  const text = readFileSync(join(PROJECT_DIRECTORY, LOCK_PATH), 'utf8');
  return updateLock(parseProtoLock(text), contracts);
}

/** The lock file, and the .proto file of each service. */
export function protoFiles(lock: ProtoLock): { path: string; make: () => Promise<string> }[] {
  const files = contracts.map((contract) => toProtoFile(contract, lock));
  return [
    { path: LOCK_PATH, make: async () => `${JSON.stringify(lock, undefined, 2)}\n` },
    ...files.map(({ path, text }) => ({ path: `proto/${path}`, make: async () => text })),
  ];
}

/** The .proto files below a folder that are not among those that the contracts give: their services were removed. */
export function strayProtoFiles(directory: string, made: readonly string[]): string[] {
  return globSync('proto/ordermesh/**/*.proto', { cwd: directory }).filter((path) => !made.includes(path));
}
