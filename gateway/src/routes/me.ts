import { accounts } from 'accounts/contract.ts';
import { fail, timestamp } from 'rpc-kit';
import { z } from 'zod';
import { id } from '../rest-types.ts';
import { route } from '../route.ts';

const { getUser, changePassword, listSessions, endSession } = accounts.methods;

const session = listSessions.result.shape.sessions.element.extend({
  /** Whether it is the session of this request. */
  current: z.boolean(),
});

const [exampleSession] = listSessions.example.result.sessions;

export const meRoutes = [
  route({
    method: 'GET',
    path: '/me',
    who: 'user',
    summary: 'Shows the account of the signed-in person.',
    calls: [getUser],
    status: 200,
    answer: z.object({ id, email: z.string(), role: z.enum(['user', 'admin']), createdAt: timestamp }),
    example: { answer: { id: '1', email: 'anna@shop.example', role: 'user', createdAt: '2026-11-20T09:00:00.000Z' } },
    async handle({ services, person, call }) {
      const { user, ...account } = await services.accounts.getUser({ user: person.user }, call);
      return { body: { id: user, ...account } };
    },
  }),
  route({
    method: 'PUT',
    path: '/me/password',
    who: 'user',
    limit: 'auth',
    priority: 'low',
    summary: 'Changes the password and ends the other sessions.',
    calls: [changePassword],
    body: changePassword.params.pick({ current: true, new: true }),
    status: 204,
    // The access token is valid: 401 would make clients refresh it and send the password again.
    statuses: { invalid_credentials: 403 },
    example: { body: { current: 'a walk along the river', new: 'a walk along the sea shore' } },
    async handle({ services, person: { user, sessionID }, body, device, call }) {
      await services.accounts.changePassword({ user, sessionID, ...body, device }, call);
      return {};
    },
  }),
  route({
    method: 'GET',
    path: '/me/sessions',
    who: 'user',
    summary: 'Lists the live sessions, newest first.',
    calls: [listSessions],
    status: 200,
    answer: z.object({ items: z.array(session) }),
    example: { answer: { items: [{ ...exampleSession, current: true }] } },
    async handle({ services, person: { user, sessionID }, call }) {
      const { sessions } = await services.accounts.listSessions({ user }, call);
      return { body: { items: sessions.map((one) => ({ ...one, current: one.sessionID === sessionID })) } };
    },
  }),
  route({
    method: 'DELETE',
    path: '/me/sessions/{id}',
    who: 'user',
    summary: 'Ends one session of the signed-in person.',
    calls: [endSession],
    params: z.strictObject({ id: z.string() }),
    status: 204,
    example: { params: { id: '7f0c3c1e-6f0b-4a55-9d2a-3f7d8f6f1a01' } },
    async handle({ services, person: { user }, params, call }) {
      const { success, data: sessionID } = endSession.params.shape.sessionID.safeParse(params.id);
      if (!success) throw fail(endSession, 'session_not_found');
      await services.accounts.endSession({ user, sessionID }, call);
      return {};
    },
  }),
];
