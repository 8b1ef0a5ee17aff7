import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { LOCAL_HOST, type MeshPaths, shortPath } from '../mesh-config.ts';
import { SERVICES } from '../services.ts';
import { createAuthority } from './authority.ts';

/** A certificate for trying expires before it is forgotten. */
const DAYS = 90;

/** The name by which people and tools call services. */
export const OPERATOR = 'operator';

/** The files of a process, as its variables. */
export function tlsVariables({ tls }: MeshPaths, name: string) {
  return {
    TLS_CERT_FILE: join(tls, `${name}.pem`),
    TLS_KEY_FILE: join(tls, `${name}.key`),
    TLS_CA_FILE: join(tls, 'ca.pem'),
  };
}

/**
 * A new authority with a certificate for each service and for the operator. The key of the authority is not kept: a further
 * certificate needs a new authority.
 */
export function createCertificates(paths: MeshPaths): void {
  mkdirSync(paths.tls, { recursive: true, mode: 0o700 });
  const authority = createAuthority('order-mesh, for trying', DAYS);
  for (const name of [...SERVICES, OPERATOR]) {
    const { TLS_CERT_FILE, TLS_KEY_FILE } = tlsVariables(paths, name);
    const { cert, key } = authority.issue({ names: [name, 'localhost', LOCAL_HOST, '::1'], days: DAYS });
    writeFileSync(TLS_KEY_FILE, key, { mode: 0o600 });
    writeFileSync(TLS_CERT_FILE, cert);
  }
  writeFileSync(tlsVariables(paths, OPERATOR).TLS_CA_FILE, authority.ca);
}

/** Options of curl, with a space behind, for calls of the operator. */
export function curlCertificate(paths: MeshPaths): string {
  const { TLS_CERT_FILE, TLS_KEY_FILE, TLS_CA_FILE } = tlsVariables(paths, OPERATOR);
  return `--cacert ${shortPath(TLS_CA_FILE)} --cert ${shortPath(TLS_CERT_FILE)} --key ${shortPath(TLS_KEY_FILE)} `;
}

/** Makes this process, which asks the services whether they are ready, trust them. Creates the certificates of a mesh that has none. */
export function trustCertificates(paths: MeshPaths): void {
  const { TLS_CA_FILE } = tlsVariables(paths, OPERATOR);
  if (!existsSync(TLS_CA_FILE)) createCertificates(paths);
  setDefaultCACertificates([...getCACertificates(), readFileSync(TLS_CA_FILE, 'utf8')]);
}
