import { readFileSync } from 'node:fs';
import { readDelimited, toDelimited } from './delimited.ts';
import { readMessages, type ServerRequest } from './messages.ts';
import { startConformanceServer } from './server.ts';

/** The program that the suite starts in its mode `server`. It is ended by SIGTERM. The argument is a FileDescriptorSet. */
process.on('SIGTERM', () => process.exit(0));
const messages = readMessages(readFileSync(process.argv[2] as string));
for await (const bytes of readDelimited(process.stdin)) {
  const request = messages.decode<ServerRequest>('ServerCompatRequest', bytes);
  const { port } = await startConformanceServer(messages, request);
  const pemCert = request.serverCreds?.cert ?? new Uint8Array();
  process.stdout.write(toDelimited(messages.encode('ServerCompatResponse', { host: '127.0.0.1', port, pemCert })));
}
