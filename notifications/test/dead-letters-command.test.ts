import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { OrderEvent } from 'loms/contract.ts';
import { orderEvents } from 'loms/contract.ts';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { stringifyJson } from 'rpc-kit';
import { type Database, openDatabase, sql } from 'service-kit';
import { createTestDatabase, type TestDatabase } from 'testing';
import { z } from 'zod';
import { createEvent, createEvents } from './order-events.ts';

const COMMAND = fileURLToPath(new URL('../src/dead-letters.ts', import.meta.url));

describe('the command behind make dead-letters and make replay', () => {
  let testDatabase: TestDatabase;
  let database: Database;
  let position = 0;

  beforeEach(async () => {
    testDatabase = await createTestDatabase('notifications');
    database = openDatabase({
      url: testDatabase.url,
      poolMax: 2,
      logger: pino({ level: 'silent' }),
      registry: new Registry(),
    });
  });

  afterEach(async () => {
    await database[Symbol.asyncDispose]();
    await testDatabase[Symbol.asyncDispose]();
  });

  async function bury(orderID: bigint | null, value: string | Buffer, message = 'made by a test'): Promise<void> {
    const [key, size] = [Buffer.from(String(orderID)), value.length];
    const row = {
      topic: 't',
      partition: 0,
      position: position++,
      order_id: orderID,
      key,
      value: Buffer.from(value),
      size,
    };
    const statement = sql.insert().into('dead_letters');
    await database.run('bury', statement.setFields({ ...row, headers: '{}', reason: 'malformed', message }));
  }

  async function run(...parameters: string[]): Promise<string[]> {
    const env = { DATABASE_URL: testDatabase.url };
    const { stdout } = await promisify(execFile)(process.execPath, [COMMAND, ...parameters], { env });
    return stdout.trimEnd().split('\n');
  }

  it('prints one line for each letter, without control characters', async () => {
    const hostile = '\u001b[2J\u0007\r\n\u009b31m\u202e\u2028\u007f😀';
    await bury(1n, hostile, hostile);
    await bury(2n, Buffer.from([0xff, 0x00, 0x1b]));
    await bury(null, `${'a'.repeat(119)}😀`);
    const lines = await run('list');
    assert.equal(lines.length, 3);
    for (const line of lines) assert.match(line, /^[^\p{C}\p{Zl}\p{Zp}]+$/u);
    assert.match(lines[0] as string, /malformed, \\u\{1b\}\[2J.*😀 \| "\\u001b\[2J/);
    assert.match(lines.at(-1) as string, /"a{119}…"$/);
  });

  it('discards any letter by its address, and says where its list ends', async () => {
    await database.query(`
      INSERT INTO dead_letters (topic, partition, position, order_id, size, headers, reason, message)
      SELECT 't', 1, number, number, 0, '{}', 'malformed', 'made by a test' FROM generate_series(1, 10000) number`);
    await bury(null, 'not of any order');
    const lines = await run('list');
    assert.deepEqual([lines.length, lines.at(-1)], [10_001, 'These were the first 10000 letters; there may be more.']);
    assert.equal((await run('replay', '', `0:${position - 1}`)).at(-1), 'dropped for good');
    assert.deepEqual(await database.query('SELECT count(*) FROM dead_letters WHERE partition = 0'), [{ count: 0n }]);
  });

  it('replays the other orders if the database refuses the events of one', async () => {
    const [poison, first, second] = [createEvent(), ...createEvents(2)] as [OrderEvent, OrderEvent, OrderEvent];
    await database.query(`ALTER TABLE notifications ADD CONSTRAINT not_this CHECK (order_id <> ${poison.orderID})`);
    for (const event of [poison, first, second]) {
      const wire = z.encode(orderEvents.schema, { version: orderEvents.version, ...event });
      await bury(event.orderID, stringifyJson(wire));
    }
    const lines = await run('replay');
    assert.ok(lines.includes('2 taken, 0 taken before, 1 still dead'), lines.join('\n'));
    assert.ok(lines.some((line) => line.includes(`of order ${poison.orderID}: failed, it cannot be stored`)));
    const left = await database.query('SELECT order_id FROM dead_letters');
    assert.deepEqual(left, [{ order_id: poison.orderID }]);
  });
});
