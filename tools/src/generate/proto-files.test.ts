import assert from 'node:assert/strict';
import { mkdirSync, mkdtempDisposableSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { strayProtoFiles } from './proto-files.ts';

describe('The .proto files', () => {
  it('of services that were removed are found, and no others', () => {
    using folder = mkdtempDisposableSync(join(tmpdir(), 'proto-'));
    for (const path of ['ordermesh/loms/v1/loms.proto', 'ordermesh/old/v1/old.proto', 'released/old.proto']) {
      const file = join(folder.path, 'proto', path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, '');
    }
    const made = ['contracts.md', 'proto/ordermesh/loms/v1/loms.proto'];
    assert.deepEqual(strayProtoFiles(folder.path, made), ['proto/ordermesh/old/v1/old.proto']);
  });
});
