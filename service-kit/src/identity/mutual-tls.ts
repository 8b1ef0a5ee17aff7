import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import type { Logger } from 'pino';
import { Gauge, type Registry } from 'prom-client';
import type { TlsFiles, TlsSource } from 'rpc-kit';
import { ConfigError, EVEN_WITH_MISTAKES } from '../config.ts';
import { type FollowedFiles, followFiles } from '../followed-files.ts';

/** The variables of `commonVariables` that turn on mutual TLS. */
export interface TlsConfig {
  readonly TLS_CERT_FILE?: string | undefined;
  readonly TLS_KEY_FILE?: string | undefined;
  readonly TLS_CA_FILE?: string | undefined;
}

/** A rule over several variables, for `refine`. */
export const TLS_RULE = [
  ({ TLS_CERT_FILE, TLS_KEY_FILE, TLS_CA_FILE }: TlsConfig): boolean =>
    new Set([TLS_CERT_FILE, TLS_KEY_FILE, TLS_CA_FILE].map((file) => file === undefined)).size === 1,
  {
    ...EVEN_WITH_MISTAKES,
    error: 'TLS_CERT_FILE, TLS_KEY_FILE and TLS_CA_FILE belong together: set all three or none',
  },
] as const;

/**
 * Follows the files of mutual TLS. Undefined without the variables.
 * @throws {ConfigError} for files that cannot be used
 */
export function followTls(config: TlsConfig, logger: Logger): FollowedFiles<TlsFiles> | undefined {
  const { TLS_CERT_FILE, TLS_KEY_FILE, TLS_CA_FILE } = config;
  if (!TLS_CERT_FILE || !TLS_KEY_FILE || !TLS_CA_FILE) return undefined;
  return followFiles({ files: { TLS_CERT_FILE, TLS_KEY_FILE, TLS_CA_FILE }, parse: parseTlsFiles, logger });
}

/** When the certificate expires, for an alert. */
export function certificateGauge(registry: Registry, tls: TlsSource | undefined): void {
  new Gauge({
    name: 'tls_certificate_expires_timestamp_seconds',
    help: 'When the certificate of this process expires, in Unix time; 0 without mutual TLS.',
    registers: [registry],
    collect() {
      if (tls) this.set(new X509Certificate(tls().cert).validToDate.getTime() / 1_000);
    },
  });
}

/** @throws {ConfigError} for files that peers would refuse, or that do not belong together */
export function parseTlsFiles(texts: Readonly<Record<keyof TlsConfig, string>>): TlsFiles {
  const { TLS_CERT_FILE: cert, TLS_KEY_FILE: key, TLS_CA_FILE: ca } = texts;
  const certificate = parsePem('TLS_CERT_FILE', 'a certificate', () => new X509Certificate(cert));
  const privateKey: KeyObject = parsePem('TLS_KEY_FILE', 'a private key without a passphrase', () =>
    createPrivateKey(key),
  );
  parsePem('TLS_CA_FILE', 'certificates', () => new X509Certificate(ca));
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new ConfigError('TLS_KEY_FILE is not the key of the certificate in TLS_CERT_FILE');
  }
  if (certificate.validToDate.getTime() <= Date.now()) {
    throw new ConfigError(`TLS_CERT_FILE expired at ${certificate.validToDate.toISOString()}: renew it`);
  }
  return { cert, key, ca };
}

function parsePem<T>(variable: keyof TlsConfig, expected: string, parse: () => T): T {
  try {
    return parse();
  } catch {
    // The cause may quote the file, which may hold a key.
    throw new ConfigError(`${variable} has to hold ${expected} in PEM`);
  }
}
