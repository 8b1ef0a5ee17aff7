import { notifications } from 'notifications/contract.ts';
import { timestamp } from 'rpc-kit';
import { z } from 'zod';
import { id, listOf, orderStatus, paging } from '../rest-types.ts';
import { route } from '../route.ts';

const { history } = notifications.methods;

const notification = z.object({
  orderID: id,
  /** Counts the changes of the order from 1. */
  seq: z.int(),
  status: orderStatus,
  at: timestamp,
  text: z.string(),
});

export const notificationRoutes = [
  route({
    method: 'GET',
    path: '/notifications',
    who: 'user',
    summary: 'Lists the notifications of the signed-in person, newest first.',
    calls: [history],
    query: z.strictObject(paging),
    pages: true,
    status: 200,
    answer: listOf(notification),
    example: {
      answer: {
        items: [{ orderID: '1', seq: 3, status: 'paid', at: '2026-11-20T09:00:01.250Z', text: 'Order 1 is paid.' }],
      },
    },
    async handle({ services, person: { user }, query, call }) {
      const { notifications: items, nextCursor } = await services.notifications.history({ user, ...query }, call);
      return { body: { items, nextCursor } };
    },
  }),
];
