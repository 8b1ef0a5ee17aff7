import type { IncomingMessage } from 'node:http';
import { RpcError } from '../rpc-error.ts';
import { idempotencyKey } from '../schema/wire-types.ts';

/**
 * The header Idempotency-Key, in one key space with the param and with `meta`. Its bytes are UTF-8, which node:http hands
 * over as ISO-8859-1. A value in double quotes is the string of RFC 8941 that the draft of the header asks for
 * (draft-ietf-httpapi-idempotency-key-header), and means the text within them: `"abc"` and `abc` are one key.
 */
const NAME = 'idempotency-key';
// A byte order mark is a character of the key like any other.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const BEYOND_ASCII = /[\x80-\xff]/;
const QUOTED = /^"(?:[^"\\]|\\["\\])*"$/;
/** What a header would lose, or the reader would take for quotes. */
const NEEDS_QUOTES = /^[ "]| $/;

const CONTROLS = String.raw`\u0000-\u001F\u007F-\u009F\uD800-\uDFFF`;
/** The header as it stands in documents. HTTP takes the spaces around a value away, so a bare key has none. */
export const IDEMPOTENCY_KEY_SCHEMA = {
  type: 'string',
  anyOf: [
    { maxLength: 255, pattern: `^[^" ${CONTROLS}](?:[^${CONTROLS}]*[^ ${CONTROLS}])?$` },
    { pattern: String.raw`^"(?:[^"\\${CONTROLS}]|\\["\\]){1,255}"$` },
  ],
};

/** @throws {RpcError} invalid_request when the header came twice, also with equal values, or holds no key */
export function idempotencyKeyOfRequest(request: IncomingMessage): string | undefined {
  const joined = request.headers[NAME] as string | undefined;
  if (joined === undefined) return undefined;
  const lines = request.headersDistinct[NAME];
  // Two lines are two intentions, or a mistake on the way; joined by a proxy, they would be a third key.
  if (lines?.length !== 1) throw new RpcError('invalid_request', 'Send one Idempotency-Key header');
  const key = unquote(decode(joined));
  if (key === undefined || !idempotencyKey.safeParse(key).success) {
    throw new RpcError(
      'invalid_request',
      'idempotency-key must have 1 to 255 characters of UTF-8 without control characters',
    );
  }
  return key;
}

/** The key as a header's value that reads back as just this key. */
export function toIdempotencyKeyHeader(key: string): string {
  const text = NEEDS_QUOTES.test(key) ? `"${key.replaceAll(/["\\]/g, String.raw`\$&`)}"` : key;
  return Buffer.from(text).toString('latin1');
}

function decode(value: string): string | undefined {
  if (!BEYOND_ASCII.test(value)) return value;
  try {
    return utf8.decode(Buffer.from(value, 'latin1'));
  } catch {
    return undefined;
  }
}

function unquote(text: string | undefined): string | undefined {
  if (!text?.startsWith('"')) return text;
  return QUOTED.test(text) ? text.slice(1, -1).replaceAll(/\\(["\\])/g, '$1') : undefined;
}
