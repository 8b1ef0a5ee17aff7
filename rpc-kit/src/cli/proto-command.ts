import { readFile, writeFile } from 'node:fs/promises';
import type { ProtoLock } from '../grpc/schema/proto-lock.ts';
import { CliError, firstLine, reasonOf } from './cli-error.ts';
import { type Command, textOf } from './command.ts';
import { loadContract } from './load-contract.ts';

export const proto: Command = {
  usage: '<contract> --lock <file> [options]',
  summary: 'Writes the .proto file, and keeps the numbers of its fields in a lock file.',
  files: 1,
  details: [
    '--lock <file>     the lock file; created where there is none, and updated for new members. Commit it',
    '--package <name>  the first part of the package name in a new lock file, e.g. acme for acme.orders.v1',
  ],
  options: { lock: { type: 'string' }, package: { type: 'string' } },
  async run([path = ''], values) {
    const lockPath = textOf(values, 'lock');
    if (lockPath === undefined) {
      throw new CliError('--lock is missing: the lock file keeps the numbers of fields from release to release.');
    }
    const contract = await loadContract(path, textOf(values, 'export'));
    const schema = await importSchema();
    const before = await readLock(lockPath);
    const lock = parseLock(schema, before, lockPath, textOf(values, 'package'));
    const { output, updated } = refusingContract(() => {
      const updated = schema.updateLock(lock, [contract]);
      return { updated, output: schema.toProtoFile(contract, updated).text };
    });
    const after = `${JSON.stringify(updated, undefined, 2)}\n`;
    if (after === before) return { output };
    await writeFile(lockPath, after).catch((error) => {
      throw new CliError(`${lockPath} cannot be written: ${firstLine(error)}.`);
    });
    const done = before === undefined ? 'Created' : 'Updated';
    return { output, notes: `${done} ${lockPath}: commit it, because it keeps the numbers of the fields.\n` };
  },
};

/** Loaded only here, because @bufbuild/protobuf is an optional package. */
async function importSchema() {
  try {
    const { parseProtoLock } = await import('../grpc/schema/proto-lock.ts');
    const { toProtoFile } = await import('../grpc/schema/proto-text.ts');
    const { updateLock } = await import('../grpc/schema/update-lock.ts');
    return { parseProtoLock, toProtoFile, updateLock };
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new CliError('rpc-kit proto needs @bufbuild/protobuf: run npm install @bufbuild/protobuf.');
  }
}

async function readLock(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch((error) => {
    if (error.code === 'ENOENT') return undefined;
    throw new CliError(`${path} cannot be read: ${firstLine(error)}.`);
  });
}

function parseLock(
  { parseProtoLock }: Awaited<ReturnType<typeof importSchema>>,
  text: string | undefined,
  path: string,
  name: string | undefined,
): ProtoLock {
  if (text !== undefined) {
    const lock = refusing(
      () => parseProtoLock(text),
      (reason) => `${path} is no lock file of rpc-kit proto: ${reason}.`,
    );
    if (name === undefined || name === lock.package) return lock;
    throw new CliError(`${path} has the package ${lock.package}: leave --package out, or start a new lock file.`);
  }
  if (name === undefined) throw new CliError(`There is no lock file ${path}: pass --package to create it.`);
  return refusing(
    () => parseProtoLock(JSON.stringify({ package: name, services: {} })),
    () => `--package is "${name}", but has to consist of small letters and digits, a letter first.`,
  );
}

function refusing<T>(parse: () => T, sentenceOf: (reason: string) => string): T {
  try {
    return parse();
  } catch (error) {
    throw new CliError(sentenceOf(reasonOf(error)));
  }
}

/** Protobuf cannot declare every contract. */
function refusingContract<T>(write: () => T): T {
  try {
    return write();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new CliError(`The contract has no .proto file: ${firstLine(error)}.`);
  }
}
