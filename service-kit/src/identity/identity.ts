import type { Logger } from 'pino';
import type { Identify, TlsSource } from 'rpc-kit';
import { EVEN_WITH_MISTAKES } from '../config.ts';
import { type FollowedFiles, followFiles } from '../followed-files.ts';
import { followTls, type TlsConfig } from './mutual-tls.ts';
import { parseServiceKey } from './service-key.ts';
import { createSigner, createVerifier, type Signer } from './service-token.ts';
import { parseTrust } from './trust.ts';

export type AccessMode = 'enforce' | 'audit' | 'open';

/** The variables of `commonVariables` that decide the identity. */
export interface IdentityConfig extends TlsConfig {
  readonly ACCESS: AccessMode;
  readonly SERVICE_KEY_FILE?: string | undefined;
  readonly TRUST_FILE?: string | undefined;
}

/** Who this service is to others, and how it recognizes them. */
export interface Identity extends Disposable {
  readonly access: AccessMode;
  /** Recognizes callers by their tokens. Undefined with ACCESS=open. */
  readonly identify: Identify | undefined;
  /** Signs calls of the peer. Undefined without SERVICE_KEY_FILE. */
  signerFor(callee: string): Signer | undefined;
  /** For the connections to peers, and those of callers. Undefined without mutual TLS. */
  readonly tls: TlsSource | undefined;
}

/** A rule over several variables, for `refine`. */
export const IDENTITY_RULE = [
  ({ ACCESS, SERVICE_KEY_FILE, TRUST_FILE }: IdentityConfig): boolean =>
    ACCESS === 'open' || (SERVICE_KEY_FILE !== undefined && TRUST_FILE !== undefined),
  {
    ...EVEN_WITH_MISTAKES,
    error: 'SERVICE_KEY_FILE and TRUST_FILE have to be set, or ACCESS=open, which admits every caller without proof',
  },
] as const;

/** @throws {ConfigError} for a file that cannot be used */
export function openIdentity(
  name: string,
  { ACCESS: access, SERVICE_KEY_FILE, TRUST_FILE, ...tlsConfig }: IdentityConfig,
  logger: Logger,
): Identity {
  using resources = new DisposableStack();
  const follow = <T>(variable: string, path: string | undefined, parse: (text: string) => T) =>
    path === undefined ? undefined : resources.use(followKeys(variable, path, parse, logger));
  const key = follow('SERVICE_KEY_FILE', SERVICE_KEY_FILE, parseServiceKey);
  // Each version of the file has a verifier of its own, so that a removed key also leaves the cache.
  const parseVerifier = (text: string) => createVerifier(parseTrust(text), name);
  const verifier = access === 'open' ? undefined : follow('TRUST_FILE', TRUST_FILE, parseVerifier);
  const tls = resources.use(followTls(tlsConfig, logger));
  const opened = resources.move();
  return {
    access,
    identify: verifier && ((authorization) => verifier.current(authorization)),
    signerFor: (callee) => key && createSigner(() => key.current, name, callee),
    tls: tls && (() => tls.current),
    [Symbol.dispose]: () => opened.dispose(),
  };
}

function followKeys<T>(variable: string, path: string, parse: (text: string) => T, logger: Logger): FollowedFiles<T> {
  return followFiles({ files: { [variable]: path }, parse: (texts) => parse(texts[variable] ?? ''), logger });
}
