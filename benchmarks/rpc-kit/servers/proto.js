import { fileURLToPath } from 'node:url';
import { loadSync } from '@grpc/proto-loader';

/** The service of loms.proto, read without a build step. */
export const definition = loadSync(fileURLToPath(new URL('loms.proto', import.meta.url)), {
  keepCase: true,
  longs: Number,
  defaults: true,
});
