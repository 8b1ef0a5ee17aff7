import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ServiceContract } from '../contract.ts';
import { resultSchemaOf } from '../stream.ts';
import { CliError, firstLine } from './cli-error.ts';

const MODULE = /\.[cm]?[jt]s$/;
/** A module of data loads in milliseconds; this one waits for something that does not come. */
const LOAD_TIMEOUT_MS = 10_000;

/**
 * The contract that a module exports.
 * @param wanted the name of the export; needed where there are several contracts
 */
export async function loadContract(path: string, wanted: string | undefined): Promise<ServiceContract> {
  await checkFile(path);
  if (!MODULE.test(path)) throw new CliError(`${path} is no module: its name has to end with .ts, .mts, .js or .mjs.`);
  const contract = pickContract(path, await importModule(path), wanted);
  for (const [name, method] of Object.entries(contract.methods)) {
    const details = Object.values(method.errors ?? {}).flatMap(({ details = [] }) => details);
    if ([method.params, resultSchemaOf(method), ...details].every(isSchema)) continue;
    throw new CliError(
      `${contract.name}.${name} in ${path} has a schema that is not of zod 4: import z from zod 4 (of zod 3.25, from "zod/v4").`,
    );
  }
  return contract;
}

export async function checkFile(path: string): Promise<void> {
  const found = await stat(path).catch((error) => {
    throw new CliError(
      error.code === 'ENOENT' ? `There is no file ${path}.` : `${path} cannot be read: ${firstLine(error)}.`,
    );
  });
  if (!found.isFile()) throw new CliError(`${path} is no file: pass the module that exports the contract.`);
}

async function importModule(path: string): Promise<Record<string, unknown>> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const seconds = LOAD_TIMEOUT_MS / 1_000;
    late.reject(new CliError(`${path} had not loaded after ${seconds} s: a contract must not wait for anything.`));
  }, LOAD_TIMEOUT_MS);
  try {
    return await Promise.race([import(pathToFileURL(resolve(path)).href), late.promise]);
  } catch (error) {
    throw error instanceof CliError ? error : new CliError(importFailure(path, error));
  } finally {
    clearTimeout(timer);
  }
}

function importFailure(path: string, error: unknown): string {
  return `${path} cannot be loaded: ${firstLine(error)}${placeOf(error)}.`;
}

/** Node writes the place of a syntax error above its stack. */
function placeOf(error: unknown): string {
  const [first = ''] = error instanceof SyntaxError ? (error.stack ?? '').split('\n') : [];
  return /:\d+$/.test(first) ? ` (${first})` : '';
}

function pickContract(path: string, module: Record<string, unknown>, wanted: string | undefined): ServiceContract {
  const found = Object.entries(module).filter((entry): entry is [string, ServiceContract] => isContract(entry[1]));
  const names = found.map(([name]) => name).join(', ');
  if (wanted !== undefined) {
    const chosen = found.find(([name]) => name === wanted);
    if (chosen) return chosen[1];
    throw new CliError(`${path} exports no contract ${wanted}: it exports ${names || 'none'}.`);
  }
  const [contract, ...others] = new Set(found.map(([, contract]) => contract));
  if (!contract) throw new CliError(`${path} exports no contract: export what defineService returns.`);
  if (others.length > 0) throw new CliError(`${path} exports several contracts (${names}): choose one by --export.`);
  return contract;
}

/** By its form, because the module may have another copy of rpc-kit. */
function isContract(value: unknown): value is ServiceContract {
  if (typeof value !== 'object' || value === null) return false;
  const { name, version, methods } = value as Partial<ServiceContract>;
  return typeof name === 'string' && typeof version === 'string' && typeof methods === 'object' && methods !== null;
}

function isSchema(value: unknown): boolean {
  return typeof value === 'object' && value !== null && '_zod' in value;
}
