import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  createSigner,
  generateServiceKey,
  type JWK,
  mintServiceToken,
  parseServiceKey,
  publicHalf,
  type ServiceKey,
  type Signer,
} from 'service-kit/identity';
import { Failure } from '../failure.ts';
import { type MeshPaths, shortPath } from '../mesh-config.ts';
import { SERVICES, type ServiceName } from '../services.ts';

/** The names that have a key. Tools and tests call as the gateway. */
export const IDENTITIES: readonly ServiceName[] = SERVICES.toSorted();

type TrustFile = Record<string, { keys: JWK[] }>;

/** The files of an identity, as variables of its service. */
export function identityVariables({ identity }: MeshPaths, name: ServiceName) {
  return { SERVICE_KEY_FILE: join(identity, `${name}.json`), TRUST_FILE: join(identity, 'trust.json') };
}

/** Creates the missing keys, and adds those that the trust file lacks. Further keys in it, of a rotation, stay. */
export async function createIdentities(paths: MeshPaths): Promise<void> {
  mkdirSync(paths.identity, { recursive: true, mode: 0o700 });
  const trustFile = join(paths.identity, 'trust.json');
  const trust = existsSync(trustFile) ? readJson<TrustFile>(trustFile) : {};
  for (const name of IDENTITIES) {
    const key = await readOrCreateKey(identityVariables(paths, name).SERVICE_KEY_FILE);
    const { keys = [] } = trust[name] ?? {};
    if (!keys.some(({ kid }) => kid === key.kid)) trust[name] = { keys: [publicHalf(key), ...keys] };
  }
  const text = `${JSON.stringify(trust, undefined, 2)}\n`;
  // Services that run would read an unchanged file again.
  if (!existsSync(trustFile) || readFileSync(trustFile, 'utf8') !== text) replaceFile(trustFile, text, 0o644);
}

/** A program that calls services of the mesh as one of them. */
export type MeshCaller = {
  /** For `openPeer` and transports. */
  signerFor(callee: string): Signer;
  tokenFor(callee: string, seconds?: number): Promise<string>;
};

export function loadCaller(paths: MeshPaths, caller: ServiceName = 'gateway'): MeshCaller {
  const file = identityVariables(paths, caller).SERVICE_KEY_FILE;
  const key = readKey(file);
  return {
    signerFor: (callee) => createSigner(() => key, caller, callee),
    tokenFor: (callee, seconds) => mintServiceToken(key, caller, callee, seconds),
  };
}

/** The secret parts of all keys, which appear in no log. */
export function privateKeys(paths: MeshPaths): string[] {
  return IDENTITIES.map((name) => readJson<JWK>(identityVariables(paths, name).SERVICE_KEY_FILE).d ?? '');
}

async function readOrCreateKey(file: string): Promise<JWK> {
  if (existsSync(file)) return readJson(file);
  const { privateJwk } = await generateServiceKey();
  replaceFile(file, `${JSON.stringify(privateJwk)}\n`, 0o600);
  return privateJwk;
}

function readKey(file: string): ServiceKey {
  try {
    return parseServiceKey(readFileSync(file, 'utf8'));
  } catch {
    return refuse(file);
  }
}

function readJson<T>(file: string): T {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return refuse(file);
  }
}

function refuse(file: string): never {
  throw new Failure(
    `${shortPath(file)} cannot be read: remove the file, and start the mesh again to create a new one.`,
  );
}

/** By renaming, so that a service never reads half of it. */
export function replaceFile(file: string, text: string, mode: number): void {
  writeFileSync(`${file}.new`, text, { mode });
  renameSync(`${file}.new`, file);
}
