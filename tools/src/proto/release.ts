import { join } from 'node:path';
import { PROJECT_DIRECTORY } from 'mesh';

/** The contracts of the last release, which callers may have been written for. */
export const RELEASE = {
  /** The .proto files, compiled. */
  image: join(PROJECT_DIRECTORY, 'proto/released/image.binpb'),
  /** What callers of the JSON faces depend on. */
  jsonFaces: join(PROJECT_DIRECTORY, 'proto/released/json-faces.json'),
} as const;

export const BUF = join(PROJECT_DIRECTORY, 'node_modules/@bufbuild/buf/bin/buf');
export const PROTO_FOLDER = join(PROJECT_DIRECTORY, 'proto');
