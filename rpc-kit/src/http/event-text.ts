import { stringifyJson } from '../schema/json.ts';

/** Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html), in which the plain face sends a stream. */
export const EVENT_STREAM = 'text/event-stream';

/** Names of events other than items, which have none. */
export const END_EVENT = 'end';
export const ERROR_EVENT = 'error';

/** A comment, which readers ignore. */
export const HEARTBEAT = ':\n\n';

/** JSON has no line breaks of its own, so the data is one line. An event without data would not reach its reader. */
export function eventText(data: unknown, id?: string): string {
  const line = `data: ${stringifyJson(data)}\n\n`;
  return id === undefined ? line : `id: ${id}\n${line}`;
}

/** The last event of a stream; a reader that does not close the connection then calls again after the pause. */
export function lastEventText(name: string, data: unknown, retryAfterMs?: number): string {
  const event = `event: ${name}\n${eventText(data)}`;
  return retryAfterMs === undefined ? event : `retry: ${Math.ceil(retryAfterMs)}\n${event}`;
}
