import { createAuthority } from 'mesh/certificates';
import type { TlsFiles } from 'rpc-kit';

/** Certificates of one mesh, and what does not belong to it. Made once for each test process, because keys cost time. */
const authority = createAuthority('the mesh', 2);
const foreign = createAuthority('another mesh', 2);
const valid = { names: ['loms', 'localhost', '127.0.0.1'], days: 1 } as const;

const filesOf = (issuer: typeof authority, request: Parameters<typeof authority.issue>[0] = valid): TlsFiles => ({
  ...issuer.issue(request),
  ca: authority.ca,
});

export const TLS_FILES = {
  good: filesOf(authority),
  renewed: filesOf(authority),
  expired: filesOf(authority, { ...valid, days: -1 }),
  misnamed: filesOf(authority, { ...valid, names: ['notifications'] }),
  foreign: filesOf(foreign),
};

/** Trusts both authorities, as during a change from one to the other. */
export const BOTH_AUTHORITIES = `${authority.ca}${foreign.ca}`;
export const FOREIGN_AUTHORITY = foreign.ca;
