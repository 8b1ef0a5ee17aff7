import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFolder } from './create-folder.ts';

describe('createFolder', () => {
  let parent: string;
  beforeEach(() => {
    parent = mkdtempSync(join(tmpdir(), 'create-folder-'));
  });
  afterEach(() => rmSync(parent, { recursive: true, force: true }));

  it('creates its parents too, and keeps an existing folder', () => {
    createFolder(join(parent, 'a/b'), 0o700);
    createFolder(join(parent, 'a/b'));
    assert.equal(statSync(join(parent, 'a/b')).mode & 0o777, 0o700);
  });

  it('fails if a file has its path', () => {
    writeFileSync(join(parent, 'file'), '');
    assert.throws(() => createFolder(join(parent, 'file')), { code: 'EEXIST' });
    assert.throws(() => createFolder(join(parent, 'file/below')), { code: 'EEXIST' });
  });

  it('ends where no folder can be created', () => {
    assert.throws(() => createFolder('/proc/order-mesh/below'), { syscall: 'mkdir' });
  });
});
