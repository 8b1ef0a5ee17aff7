import {
  createLogger,
  createRegistry,
  isFaultOfData,
  loadConfig,
  openDatabase,
  runTool,
  storableText,
} from 'service-kit';
import { createAnnounce } from './announce.ts';
import { configuredTargets, notificationsConfig } from './config.ts';
import { createDeadLetterReader } from './kafka/dead-letters.ts';
import type { DeadLetter, LetterFilter } from './kafka/ports.ts';
import { readMessage } from './kafka/read-message.ts';
import { type Replayed, replayOrder } from './kafka/replay-order.ts';
import { createConsumerStore } from './kafka/store.ts';

/** `make dead-letters` and `make replay`. Reads the variables of the service, whose targets receive the notifications stored here. */
const [command = 'list', orderText = '', discard = ''] = process.argv.slice(2);

/** More than a person reads. The next replay continues with later letters. */
const LETTERS_MAX = 10_000;
const TIMEOUT_MS = 60_000;
const VALUE_SHOWN_MAX = 120;

const logger = createLogger('notifications', 'warn');
const registry = createRegistry('notifications');
const context = { signal: AbortSignal.timeout(TIMEOUT_MS) };

await runTool(`make ${command === 'replay' ? 'replay' : 'dead-letters'}`, async () => {
  const config = loadConfig(notificationsConfig);
  await using database = openDatabase({ url: config.DATABASE_URL, poolMax: 2, logger, registry });
  const store = createConsumerStore(database, configuredTargets(config));
  const list = (filter: LetterFilter) => createDeadLetterReader(database).list(filter, LETTERS_MAX, context);
  // With await, or the database would be closed before.
  if (discard !== '') return await discardOne(store, await list(parseAddress(discard)), discard);
  const order = orderText === '' ? undefined : BigInt(orderText);
  const letters = await list({ orderID: order });
  if (letters.length === 0)
    console.log(order === undefined ? 'There are no dead letters.' : `Order ${order} has no dead letters.`);
  else if (command === 'replay') await replayAll(store, letters);
  else for (const letter of letters) console.log(describe(letter));
  if (letters.length === LETTERS_MAX) console.log(`These were the first ${LETTERS_MAX} letters; there may be more.`);
});

type Store = ReturnType<typeof createConsumerStore>;

async function replayAll(store: Store, letters: readonly DeadLetter[]): Promise<void> {
  const counts = { taken: 0, 'taken before': 0, 'stays dead': 0 };
  const print = ({ letter, outcome }: Replayed): void => {
    counts[outcome] += 1;
    console.log(outcome === 'stays dead' ? describe(letter) : `${addressOf(letter)}: ${outcome}`);
  };
  const read = (letter: DeadLetter) => {
    const [key, value] = [letter.key, letter.value].map((bytes) => bytes && Buffer.from(bytes));
    return readMessage({ offset: letter.offset, key, value, headers: letter.headers });
  };
  const announce = createAnnounce(logger, registry);
  const orderIDs = new Set(letters.flatMap(({ orderID }) => (orderID === undefined ? [] : [orderID])));
  for (const orderID of orderIDs) {
    const replayed = await replayOrder({ store, announce, read }, orderID, context).catch(stayDead(letters, orderID));
    for (const one of replayed) print(one);
  }
  // Without an order there is nothing to replay them into.
  for (const letter of letters) if (letter.orderID === undefined) print({ letter, outcome: 'stays dead' });
  console.log(`${counts.taken} taken, ${counts['taken before']} taken before, ${counts['stays dead']} still dead`);
  if (counts['stays dead'] > 0)
    console.log('Drop a letter that can never be processed with make replay DISCARD=<partition>:<offset>.');
}

/** An order whose events the database still refuses must not block the replay of other orders. */
function stayDead(letters: readonly DeadLetter[], orderID: bigint): (error: unknown) => Replayed[] {
  return (error) => {
    if (!isFaultOfData(error)) throw error;
    const content = { reason: 'failed', message: `it cannot be stored: ${(error as Error).message}` } as const;
    const own = letters.filter((letter) => letter.orderID === orderID);
    return own.map((letter) => ({ letter: { ...letter, ...content }, outcome: 'stays dead' }));
  };
}

function parseAddress(address: string): LetterFilter {
  const [partition = '', offset = ''] = address.split(':');
  return { partition: Number(partition), offset: BigInt(offset) };
}

async function discardOne(store: Store, [letter]: readonly DeadLetter[], address: string): Promise<void> {
  if (!letter) {
    console.error(`There is no dead letter ${address}: make dead-letters lists them.`);
    process.exitCode = 1;
    return;
  }
  await store.transaction(({ deadLetters }) => deadLetters.remove(letter), context);
  console.log(`${describe(letter)}\ndropped for good`);
}

function describe(letter: DeadLetter): string {
  const value = Buffer.from(letter.value ?? []).toString();
  const shown = value.length > VALUE_SHOWN_MAX ? `${storableText(value, VALUE_SHOWN_MAX)}…` : value;
  return printable(`${addressOf(letter)}: ${letter.reason}, ${letter.message} | ${JSON.stringify(shown)}`);
}

/** Escapes control and format characters: a foreign producer must not move the cursor of the terminal or add lines. */
function printable(line: string): string {
  return line.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => {
    return `\\u{${character.codePointAt(0)?.toString(16)}}`;
  });
}

function addressOf({ partition, offset, orderID }: DeadLetter): string {
  return `${partition}:${offset} of ${orderID === undefined ? 'no order' : `order ${orderID}`}`;
}
