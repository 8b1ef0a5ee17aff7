import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Person } from '../auth/access-tokens.ts';
import type { Cursors, List } from '../cursors.ts';
import type { Answer, Route } from '../route.ts';

/** A page of a list, with the service's cursor in the query. */
interface Page {
  readonly list: List;
  readonly query: Readonly<Record<string, unknown>>;
}

/** @throws {RestError} 400 for a cursor of another list, another query or another person */
export function openPage(
  { method, path }: Route,
  request: FastifyRequest,
  person: Person | undefined,
  cursors: Cursors,
): Page {
  const { cursor, limit, ...filter } = request.query as { cursor?: string; limit: number };
  const list = { route: `${method} ${path}`, user: person?.user, filter };
  return { list, query: { ...filter, limit, ...(cursor !== undefined && { cursor: cursors.open(list, cursor) }) } };
}

/** Signs the next cursor and links the next page (RFC 8288). */
export function signPage(
  { list }: Page,
  found: Answer<unknown>,
  request: FastifyRequest,
  reply: FastifyReply,
  cursors: Cursors,
): Answer<unknown> {
  const body = found.body as { readonly nextCursor?: string | undefined };
  if (body.nextCursor === undefined) return found;
  const nextCursor = cursors.sign(list, body.nextCursor);
  const { pathname, searchParams } = new URL(request.url, 'http://gateway');
  searchParams.set('cursor', nextCursor);
  reply.header('link', `<${pathname}?${searchParams}>; rel="next"`);
  return { ...found, body: { ...body, nextCursor } };
}
