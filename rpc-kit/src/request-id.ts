import { randomUUID } from 'node:crypto';

/** Letters that are harmless in a header, a log line and a shell; a caller's id of another form is replaced. */
const REQUEST_ID = /^[\w.:@/+=-]{1,128}$/;

export function createRequestId(): string {
  return randomUUID();
}

/** The caller's request id where it is usable, else a new one. */
export function acceptRequestId(offered: string | undefined): string {
  return offered !== undefined && REQUEST_ID.test(offered) ? offered : createRequestId();
}
