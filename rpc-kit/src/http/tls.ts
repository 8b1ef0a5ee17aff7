/** The files of mutual TLS, in PEM. */
export interface TlsFiles {
  /** The own certificate, shown to callers and to peers. */
  readonly cert: string;
  readonly key: string;
  /** The authorities whose certificates are accepted, of callers and of peers alike. */
  readonly ca: string;
}

/** The current files, asked for at each new connection: the same object until they change. */
export type TlsSource = () => TlsFiles;

/** RFC 8996 deprecates older versions. Both sides choose 1.3 where they can. */
export const TLS_VERSIONS = { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3' } as const;

/** The reason of a refusal by a server that requires mutual TLS, before it reads a call: it proves that the call had no effect. */
export const MUTUAL_TLS_REQUIRED = 'mutual_tls_required';
