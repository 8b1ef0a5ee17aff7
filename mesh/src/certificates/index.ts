export { type Authority, type Certificate, type CertificateRequest, createAuthority } from './authority.ts';
