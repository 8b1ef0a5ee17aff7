export { type Authority, type Certificate, type CertificateRequest, createAuthority } from './authority.ts';
export { createCertificates, curlCertificate, OPERATOR, tlsVariables } from './mesh-certificates.ts';
