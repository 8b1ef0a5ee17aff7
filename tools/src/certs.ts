import { loadMeshConfig, meshPaths, runScript, shortPath } from 'mesh';
import { createCertificates, curlCertificate } from 'mesh/certificates';
import { createMeshFolder } from 'mesh/mesh-folder';

/** `make certs`: a new authority for trying mutual TLS, with a certificate for each service and for the operator. */
await runScript(async () => {
  const { directory, ports } = loadMeshConfig(process.env);
  const paths = meshPaths(directory);
  createMeshFolder(paths);
  createCertificates(paths);
  console.log(`${shortPath(paths.tls)} holds a new authority and the certificates that it issued, for 90 days.
Services that run use them within a second.

  TLS=on make run-all
  curl ${curlCertificate(paths)}https://localhost:${ports.loms}/openrpc.json`);
  return 0;
});
