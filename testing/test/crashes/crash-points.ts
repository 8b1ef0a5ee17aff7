/**
 * Every transaction that changes rows, with the statements that identify it: the first entry whose statements were all run.
 * A statement outside of a transaction is a transaction, too.
 */
export type Transactions = Readonly<Record<string, readonly string[]>>;

export const LOMS_TRANSACTIONS = {
  createOrder: ['create orders'],
  'createOrder without enough goods': ['create failed orders'],
  orderPayed: ['pay orders'],
  'cancelling an overdue order': ['lock overdue order', 'cancel orders'],
  cancelOrder: ['cancel orders'],
  adjustStock: ['supply stock'],
  'claiming events': ['claim events'],
  'acknowledging events': ['acknowledge events'],
  'postponing an event': ['postpone events'],
  'releasing events': ['release events'],
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

/** Statements that only read or lock, or that create the empty cart of a new user. */
const HARMLESS = new Set([
  ...['find order', 'find orders', 'stocks on sale', 'list overdue orders', 'lock overdue order', 'lock stocks'],
  'find stock adjustment',
  ...['find idempotency keys', 'list cart lines', 'lock cart', 'create cart', 'find cart line'],
  ...['find purchase by key', 'find pending purchase', 'list purchase items', 'read backlog', 'read next due order'],
]);

/** Further crash points besides the commits. */
export const LOMS_POINTS = ['after events were delivered'] as const;
export const CHECKOUT_POINTS = ['before the call to loms', 'after the answer of loms'] as const;

/**
 * The transaction in which these statements were run; `undefined` where they change no row.
 * @throws {Error} where they may change rows and the transaction has no name: its crash points are missing
 */
export function transactionOf(transactions: Transactions, ran: readonly string[]): string | undefined {
  const found = Object.entries(transactions).find(([, identifying]) => identifying.every((name) => ran.includes(name)));
  if (found) return found[0];
  if (ran.every((name) => HARMLESS.has(name))) return undefined;
  throw new Error(`crash-points.ts does not name the transaction of these statements: ${ran.join(', ')}`);
}

export const before = (transaction: string): string => `before the commit of ${transaction}`;
export const after = (transaction: string): string => `after the commit of ${transaction}`;

/** Each transaction has two points: none of its changes is committed, or all are and no caller has the answer. */
export function commitPoints(transaction: string): string[] {
  return [before(transaction), after(transaction)];
}
