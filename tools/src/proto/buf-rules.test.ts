import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BUF, PROTO_FOLDER } from './release.ts';

describe('The rules of buf in proto/buf.yaml', () => {
  let folder: string;
  let image: string;
  let file: string;
  let released: string;

  const buf = (...words: string[]) => spawnSync(process.execPath, [BUF, ...words], { encoding: 'utf8' });

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'order-mesh-buf-'));
    for (const part of ['buf.yaml', 'ordermesh'])
      cpSync(join(PROTO_FOLDER, part), join(folder, part), { recursive: true });
    image = join(folder, 'image.binpb');
    file = join(folder, 'ordermesh/loms/v1/loms.proto');
    released = readFileSync(file, 'utf8');
    assert.equal(buf('build', folder, '-o', image).status, 0);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** Checks the file with a change against the file without it. */
  const change = (from: string | RegExp, to: string): { readonly status: number | null; readonly stdout: string } => {
    const changed = released.replace(from, to);
    assert.notEqual(changed, released);
    writeFileSync(file, changed);
    return buf('breaking', folder, '--against', image);
  };

  for (const [what, from, to, sentence] of [
    [
      'a number that moves',
      'optional string idempotency_key = 3;',
      'optional string idempotency_key = 4;',
      /field "3"/,
    ],
    [
      'a field that is gone',
      'optional string idempotency_key = 3;',
      'reserved 3;',
      /field "3" with name "idempotency_key"/,
    ],
    [
      'another type',
      'optional string idempotency_key = 3;',
      'optional uint32 idempotency_key = 3;',
      /changed type from "string"/,
    ],
    ['a value of an enum that is gone', 'ORDER_STATUS_NEW = 1;', 'reserved 1;', /enum value "1"/],
    ['a method that is gone', /rpc ListOrder\(.*/, '', /RPC "ListOrder"/],
    ['another JSON name', 'int64 order_id = 1 [json_name = "orderID"];', 'int64 order_id = 1;', /json_name/i],
  ] as const) {
    it(`refuse ${what}`, () => {
      const { status, stdout } = change(from, to);
      assert.notEqual(status, 0);
      assert.match(stdout, sentence);
    });
  }

  it('accept a new field, a new value and a new method', () => {
    const more = 'optional string idempotency_key = 3;\n  optional string more = 9;';
    assert.equal(change('optional string idempotency_key = 3;', more).status, 0);
    assert.equal(change('ORDER_STATUS_NEW = 1;', 'ORDER_STATUS_NEW = 1;\n  ORDER_STATUS_LOST = 9;').status, 0);
    assert.equal(
      change('rpc ListOrder(', 'rpc ListOrder2(ListOrderRequest) returns (ListOrderResponse);\n  rpc ListOrder(')
        .status,
      0,
    );
  });

  it('refuse names against the style guide', () => {
    writeFileSync(file, released.replace('idempotency_key', 'idempotencyKey'));
    const { status, stdout } = buf('lint', folder);
    assert.notEqual(status, 0);
    assert.match(stdout, /lower_snake_case/);
  });
});
