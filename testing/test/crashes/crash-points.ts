/**
 * Every transaction that leaves something behind, told by the statements that are run in it: the first whose statements all
 * were. A statement that runs alone is a transaction too.
 */
export type Transactions = Readonly<Record<string, readonly string[]>>;

export const LOMS_TRANSACTIONS = {
  createOrder: ['create order', 'reserve stocks'],
  'createOrder without enough goods': ['create order'],
  orderPayed: ['sell stocks'],
  'cancelling an overdue order': ['lock overdue order', 'release stocks'],
  cancelOrder: ['release stocks'],
  'claiming events': ['claim events'],
  'acknowledging events': ['acknowledge events'],
  'postponing an event': ['postpone event'],
  'forgetting delivered events': ['forget delivered events'],
} as const satisfies Transactions;

export const CHECKOUT_TRANSACTIONS = {
  addToCart: ['add cart line'],
  'deleteFromCart of goods in a purchase': ['delete held goods'],
  deleteFromCart: ['shrink cart line'],
  'beginning a purchase': ['begin purchase'],
  'settling a refused purchase': ['settle purchase', 'put goods back'],
  'settling a purchase': ['settle purchase'],
  'claiming unfinished purchases': ['claim unfinished purchases'],
} as const satisfies Transactions;

/**
 * What only reads or locks, or makes the empty cart that a user without one is taken to have anyway. An order that is moved has
 * its goods moved, too, by which its transaction is known; one that cannot be moved stays as it is.
 */
const HARMLESS = new Set([
  'move order',
  ...['find order', 'stocks on sale', 'list overdue orders', 'lock order', 'lock overdue order', 'lock stocks'],
  ...['find idempotency key', 'list cart lines', 'lock cart', 'create cart', 'find cart line'],
  ...['find purchase by key', 'find pending purchase', 'list purchase items', 'read backlog'],
]);

/** Places where a process can end beside the commits. */
export const LOMS_PLACES = ['after an event was delivered'] as const;
export const CHECKOUT_PLACES = ['before loms is asked', 'after loms answered'] as const;

/**
 * The transaction in which these statements were run; `undefined` where they leave nothing behind.
 * @throws {Error} where they may, and nobody has named the transaction: its crash points are missing
 */
export function transactionOf(transactions: Transactions, ran: readonly string[]): string | undefined {
  const found = Object.entries(transactions).find(([, telling]) => telling.every((name) => ran.includes(name)));
  if (found) return found[0];
  if (ran.every((name) => HARMLESS.has(name))) return undefined;
  throw new Error(`crash-points.ts does not name the transaction of these statements: ${ran.join(', ')}`);
}

export const before = (transaction: string): string => `before the commit of ${transaction}`;
export const after = (transaction: string): string => `after the commit of ${transaction}`;

/** Each transaction has two points: nothing of it has happened yet, or all of it has and nobody knows. */
export function commitPoints(transaction: string): string[] {
  return [before(transaction), after(transaction)];
}
