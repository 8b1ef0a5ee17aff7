import { randomUUID } from 'node:crypto';

/** Characters that are safe in a header, a log line and a shell. A caller's id of another form is replaced. */
const REQUEST_ID = /^[\w.:@/+=-]{1,128}$/;

export function createRequestId(): string {
  return randomUUID();
}

/** A caller's request id; `undefined` when it is malformed. */
export function parseRequestId(text: string | undefined): string | undefined {
  return text !== undefined && REQUEST_ID.test(text) ? text : undefined;
}

/** The caller's request id, or a new one when it is missing or malformed. */
export function acceptRequestId(offered: string | undefined): string {
  return parseRequestId(offered) ?? createRequestId();
}
