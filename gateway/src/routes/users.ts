import { accounts } from 'accounts/contract.ts';
import { type ResultOf, timestamp } from 'rpc-kit';
import { z } from 'zod';
import { id, listOf, paging } from '../rest-types.ts';
import { route } from '../route.ts';

const { listUsers, setRole, disableUser } = accounts.methods;

const user = z.object({
  id,
  email: z.string(),
  role: z.enum(['user', 'admin']),
  createdAt: timestamp,
  disabled: z.boolean(),
});
const byId = z.strictObject({ id });

const EXAMPLE = {
  id: '1',
  email: 'anna@shop.example',
  role: 'user',
  createdAt: '2026-11-20T09:00:00.000Z',
  disabled: false,
};

export const userRoutes = [
  route({
    method: 'GET',
    path: '/users',
    who: 'admin',
    summary: 'Lists the users by their ids.',
    calls: [listUsers],
    query: z.strictObject(paging),
    pages: true,
    status: 200,
    answer: listOf(user),
    example: { answer: { items: [EXAMPLE] } },
    async handle({ services, query, call }) {
      const { users, nextCursor } = await services.accounts.listUsers(query, call);
      return { body: { items: users.map(toUser), nextCursor } };
    },
  }),
  route({
    method: 'PUT',
    path: '/users/{id}/role',
    who: 'admin',
    summary: "Changes a user's role and ends the user's sessions.",
    calls: [setRole],
    params: byId,
    body: setRole.params.pick({ role: true }),
    status: 200,
    answer: user,
    example: { params: { id: '1' }, body: { role: 'admin' }, answer: { ...EXAMPLE, role: 'admin' } },
    async handle({ services, person, params, body, call }) {
      return { body: toUser(await services.accounts.setRole({ actor: person.user, user: params.id, ...body }, call)) };
    },
  }),
  route({
    method: 'POST',
    path: '/users/{id}/disable',
    who: 'admin',
    summary: "Disables an account and ends the user's sessions.",
    calls: [disableUser],
    params: byId,
    status: 200,
    answer: user,
    example: { params: { id: '1' }, answer: { ...EXAMPLE, disabled: true } },
    async handle({ services, person, params, call }) {
      return { body: toUser(await services.accounts.disableUser({ actor: person.user, user: params.id }, call)) };
    },
  }),
];

function toUser({ user: id, ...about }: ResultOf<typeof setRole>): z.output<typeof user> {
  return { id, ...about };
}
