import { randomUUID } from 'node:crypto';

/** Letters that are harmless in a header, a log line and a shell; a caller's id of another form is replaced. */
const REQUEST_ID = /^[\w.:@/+=-]{1,128}$/;

export function createRequestId(): string {
  return randomUUID();
}

/** A request id from outside where it is usable. */
export function parseRequestId(text: string | undefined): string | undefined {
  return text !== undefined && REQUEST_ID.test(text) ? text : undefined;
}

/** The caller's request id where it is usable, else a new one. */
export function acceptRequestId(offered: string | undefined): string {
  return parseRequestId(offered) ?? createRequestId();
}
