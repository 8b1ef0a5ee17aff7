import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFolder } from './create-folder.ts';

describe('Making a folder', () => {
  let parent: string;
  beforeEach(() => {
    parent = mkdtempSync(join(tmpdir(), 'create-folder-'));
  });
  afterEach(() => rmSync(parent, { recursive: true, force: true }));

  it('makes those above it too, and leaves one that is there alone', () => {
    createFolder(join(parent, 'a/b'), 0o700);
    createFolder(join(parent, 'a/b'));
    assert.equal(statSync(join(parent, 'a/b')).mode & 0o777, 0o700);
  });

  it('fails where a file is in the way', () => {
    writeFileSync(join(parent, 'file'), '');
    assert.throws(() => createFolder(join(parent, 'file')), { code: 'EEXIST' });
    assert.throws(() => createFolder(join(parent, 'file/below')), { code: 'EEXIST' });
  });

  it('ends where no folder can ever be made', () => {
    assert.throws(() => createFolder('/proc/order-mesh/below'), { syscall: 'mkdir' });
  });
});
