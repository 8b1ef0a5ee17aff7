import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import forge from 'node-forge';

/** A certificate authority for trying mutual TLS, and for tests: its key exists in this process only. */
export interface Authority {
  /** Its own certificate in PEM, for TLS_CA_FILE. */
  readonly ca: string;
  issue(request: CertificateRequest): Certificate;
}

export interface CertificateRequest {
  /** Host names and IP addresses; the first is the subject. */
  readonly names: readonly [string, ...string[]];
  /** From now on; negative for a certificate that has expired. */
  readonly days: number;
}

/** Both in PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

const DAY_MS = 86_400_000;
/** Clocks of machines differ by minutes at most. */
const BACKDATED_MS = 3_600_000;

export function createAuthority(name: string, days: number): Authority {
  const own = createKeys();
  const subject = [{ name: 'commonName', value: name }];
  const constraints = [
    { name: 'basicConstraints', cA: true, critical: true },
    { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    { name: 'subjectKeyIdentifier' },
  ];
  const sign = (certificate: forge.pki.Certificate): string => {
    certificate.setIssuer(subject);
    certificate.sign(own.privateKey, forge.md.sha256.create());
    return forge.pki.certificateToPem(certificate);
  };
  return {
    ca: sign(draft(own.publicKey, days, subject, constraints)),
    issue({ names, days }) {
      const { publicKey, pem } = createKeys();
      const usage = [
        { name: 'basicConstraints', cA: false, critical: true },
        { name: 'keyUsage', digitalSignature: true, critical: true },
        // A service is a server to its callers and a client of its peers.
        { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
        {
          name: 'subjectAltName',
          altNames: names.map((name) => (isIP(name) ? { type: 7, ip: name } : { type: 2, value: name })),
        },
      ];
      return { cert: sign(draft(publicKey, days, [{ name: 'commonName', value: names[0] }], usage)), key: pem };
    },
  };
}

/** By node:crypto, which takes milliseconds where JavaScript takes seconds. */
function createKeys() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
  const forged = forge.pki.privateKeyFromPem(pem);
  return { pem, privateKey: forged, publicKey: forge.pki.setRsaPublicKey(forged.n, forged.e) };
}

function draft(
  publicKey: forge.pki.rsa.PublicKey,
  days: number,
  subject: forge.pki.CertificateField[],
  extensions: object[],
): forge.pki.Certificate {
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = publicKey;
  // A positive number: its first bit is 0 (RFC 5280, section 4.1.2.2).
  certificate.serialNumber = `01${randomBytes(15).toString('hex')}`;
  const end = Date.now() + days * DAY_MS;
  certificate.validity.notBefore = new Date(Math.min(Date.now(), end) - BACKDATED_MS);
  certificate.validity.notAfter = new Date(end);
  certificate.setSubject(subject);
  certificate.setExtensions(extensions);
  return certificate;
}
