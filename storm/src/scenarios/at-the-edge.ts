import { defineScenario } from '../scenario.ts';

const PAGES_MAX = 3;
const LIMIT_MAX = 5;

/** Reads pages of the own orders, and the own notifications. */
export const myOrders = defineScenario({
  name: 'my orders',
  weight: 12,
  plan: (dice) => ({ limit: dice.between(1, LIMIT_MAX), pages: dice.between(1, PAGES_MAX) }),
  async play({ limit, pages }, user) {
    let cursor: string | undefined;
    for (let page = 0; page < pages; page++) {
      const listed = await user.loms.listOrders({ user: user.id, limit, ...(cursor !== undefined && { cursor }) });
      if (listed.result !== 'ok' || listed.answer.nextCursor === undefined) break;
      cursor = listed.answer.nextCursor;
    }
    await user.notifications.history({ user: user.id, limit: 10 });
  },
});

/** Exchanges the tokens, in both windows at once: one exchange, and all later calls carry the new token. */
export const newTokens = defineScenario({
  name: 'new tokens',
  weight: 3,
  plan: () => ({}),
  async play(_plan, user) {
    await Promise.all([user.renewTokens(), user.renewTokens()]);
  },
});
