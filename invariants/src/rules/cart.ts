import { type Call, callsOf, isBefore } from '../calls.ts';
import type { Operation } from '../history.ts';
import { check, type Rule } from '../rule.ts';
import type { Query, Row } from '../snapshot.ts';

const PENDING = `
  SELECT purchase_id, user_id, created_at, attempts FROM purchases WHERE state = 'pending'`;

export const CARTS: readonly Rule[] = [
  {
    id: 'P3',
    says: 'Goods that were added to a cart are in it, ordered or deleted: none twice, none lost; no purchase is pending.',
    checks: [
      check('the pending ones', ['checkout'], ({ checkout }) => checkout(PENDING)),
      check('the goods', ['checkout', 'history'], ({ checkout, history }) => findGoodsViolations(checkout, history)),
    ],
  },
  {
    id: 'P4',
    says: 'Added goods are in the user’s next cart read unless deleted or bought since, and a read never shows more than was added.',
    checks: [
      check('the reads', ['checkout', 'history'], async ({ checkout, history }) =>
        findReadsViolations(callsOf(history, 'listCart'), await movesOf(checkout, history)),
      ),
    ],
  },
];

/** The greatest difference between the clocks of the history and the database, on one machine or with NTP. */
const CLOCK_SLACK_MS = 1_000;

type Moving = Call<'addToCart'> | Call<'deleteFromCart'>;

interface Bought {
  readonly count: number;
  readonly beganMs: number;
  readonly settledMs: number;
  /** One of these calls started it. */
  readonly calls: readonly Call<'purchase'>[];
  /** The calls that returned its order. */
  readonly answered: readonly Call<'purchase'>[];
}

/** The calls that may have moved goods of one sku into or out of one user's cart. Refused calls moved none. */
interface Moves {
  readonly user: bigint;
  readonly sku: number;
  readonly added: Moving[];
  readonly deleted: Moving[];
  readonly bought: Bought[];
}

const lineKey = (user: bigint, sku: number | bigint): string => `${user} ${sku}`;

async function movesOf(checkout: Query, history: readonly Operation[]): Promise<Map<string, Moves>> {
  const moves = new Map<string, Moves>();
  const at = (user: bigint, sku: number): Moves => {
    const known = moves.get(lineKey(user, sku));
    if (known) return known;
    const fresh: Moves = { user, sku, added: [], deleted: [], bought: [] };
    moves.set(lineKey(user, sku), fresh);
    return fresh;
  };
  const possible = ({ result }: Moving) => result !== 'fail';
  for (const call of callsOf(history, 'addToCart').filter(possible)) at(call.args.user, call.args.sku).added.push(call);
  for (const call of callsOf(history, 'deleteFromCart').filter(possible)) {
    at(call.args.user, call.args.sku).deleted.push(call);
  }
  for (const { user, sku, ...bought } of await boughtBy(checkout, history)) at(user, sku).bought.push(bought);
  return moves;
}

async function boughtBy(checkout: Query, history: readonly Operation[]) {
  const calls = Map.groupBy(callsOf(history, 'purchase'), ({ args }) => args.user);
  const ordered = `
    SELECT user_id, idempotency_key, order_id, sku, count, created_at, settled_at
    FROM purchases JOIN purchase_items USING (purchase_id)
    WHERE state = 'ordered' AND user_id = ANY($1)`;
  const rows = await checkout(ordered, [usersOf(history)]);
  return rows.map((row) => {
    const ofUser = calls.get(row.user_id as bigint) ?? [];
    const key = (row.idempotency_key ?? undefined) as string | undefined;
    return {
      user: row.user_id as bigint,
      sku: Number(row.sku),
      count: row.count as number,
      beganMs: (row.created_at as Date).getTime(),
      settledMs: (row.settled_at as Date).getTime(),
      calls: ofUser.filter(({ args }) => args.idempotencyKey === key),
      answered: ofUser.filter(({ answer }) => answer?.orderID === row.order_id),
    };
  });
}

/** Users whose carts the history fills; it does not know the carts of others. */
function usersOf(history: readonly Operation[]): bigint[] {
  return [...new Set(callsOf(history, 'addToCart').map(({ args }) => args.user))];
}

/** Compares the final carts with all moves. A call with result info may have moved its goods or not. */
async function findGoodsViolations(checkout: Query, history: readonly Operation[]): Promise<Row[]> {
  const lines = `
    SELECT user_id, sku, sum(count)::bigint AS count FROM (
      SELECT user_id, sku, count FROM cart_lines
      UNION ALL
      SELECT user_id, sku, count - deleted FROM purchases JOIN purchase_items USING (purchase_id) WHERE state = 'pending'
    ) line
    WHERE user_id = ANY($1) GROUP BY user_id, sku`;
  const rows = await checkout(lines, [usersOf(history)]);
  const inCart = new Map(rows.map((row) => [lineKey(row.user_id as bigint, row.sku as bigint), Number(row.count)]));
  const moves = await movesOf(checkout, history);
  const unknown = rows
    .filter((row) => !moves.has(lineKey(row.user_id as bigint, row.sku as bigint)))
    .map((row) => ({ ...row, violation: 'in the cart, but never added' }));
  const violations = [...moves].flatMap(([line, { user, sku, added, deleted, bought }]) => {
    const [cart, ordered] = [inCart.get(line) ?? 0, sumOf(bought)];
    const least = countOf(added.filter(isOk)) - countOf(deleted);
    const most = countOf(added);
    if (cart + ordered >= least && cart + ordered <= most) return [];
    return [{ user, sku, in_cart: cart, ordered, together_at_least: Math.max(least, 0), at_most: most }];
  });
  return [...unknown, ...violations];
}

function findReadsViolations(reads: readonly Call<'listCart'>[], moves: ReadonlyMap<string, Moves>): Row[] {
  const byUser = Map.groupBy(moves.values(), ({ user }) => user);
  return reads.flatMap((read) => {
    if (read.answer === undefined) return [];
    const shown = new Map(read.answer.items.map(({ sku, count }) => [sku, count]));
    const known = byUser.get(read.args.user) ?? [];
    return known.flatMap((moved) => {
      const [least, most] = boundsAt(read, moved);
      const count = shown.get(moved.sku) ?? 0;
      if (count >= least && count <= most) return [];
      return [{ user: moved.user, sku: moved.sku, shown: count, at_least: least, at_most: most, client: read.client }];
    });
  });
}

/** The bounds of a read: certain additions less possible removals, and possible additions less certain removals. */
function boundsAt(read: Call<'listCart'>, { added, deleted, bought }: Moves): [number, number] {
  const certainly = added.filter((call) => isOk(call) && isBefore(call, read));
  const maybeDeleted = deleted.filter((call) => !isBefore(read, call));
  const maybeAdded = added.filter((call) => !isBefore(read, call));
  const maybeBought = bought.filter(
    ({ beganMs, calls }) => beganMs <= read.endedMs + CLOCK_SLACK_MS && calls.some((call) => !isBefore(read, call)),
  );
  const certainlyBought = bought.filter(
    ({ settledMs, answered }) =>
      settledMs < read.startedMs - CLOCK_SLACK_MS || answered.some((call) => isBefore(call, read)),
  );
  return [
    countOf(certainly) - countOf(maybeDeleted) - sumOf(maybeBought),
    countOf(maybeAdded) - sumOf(certainlyBought),
  ];
}

const isOk = ({ result }: Moving): boolean => result === 'ok';
const sumOf = (bought: readonly Bought[]): number => bought.reduce((sum, { count }) => sum + count, 0);
const countOf = (calls: readonly Moving[]): number => calls.reduce((sum, { args }) => sum + args.count, 0);
