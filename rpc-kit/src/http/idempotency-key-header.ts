import { RpcError } from '../rpc-error.ts';
import { idempotencyKey } from '../schema/wire-types.ts';
import type { RequestHead } from './server/carried.ts';

/**
 * The header Idempotency-Key. It shares one key space with the param and with `meta`. Its bytes are UTF-8, which node:http decodes
 * as ISO-8859-1. Quotes are those of RFC 8941 (draft-ietf-httpapi-idempotency-key-header): `"abc"` and `abc` are the same key.
 */
const NAME = 'idempotency-key';
// A byte order mark is part of the key.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const BEYOND_ASCII = /[\x80-\xff]/;
const QUOTED = /^"(?:[^"\\]|\\["\\])*"$/;

const CONTROLS = String.raw`\u0000-\u001F\u007F-\u009F\uD800-\uDFFF`;
/** The header's JSON Schema for documents. HTTP strips the spaces around a value, so an unquoted key has none. */
export const IDEMPOTENCY_KEY_SCHEMA = {
  type: 'string',
  anyOf: [
    { maxLength: 255, pattern: `^[^" ${CONTROLS}](?:[^${CONTROLS}]*[^ ${CONTROLS}])?$` },
    { pattern: String.raw`^"(?:[^"\\${CONTROLS}]|\\["\\]){1,255}"$` },
  ],
};

/** @throws {RpcError} invalid_request for a repeated header, even with equal values, and for a malformed key */
export function idempotencyKeyOfRequest(request: RequestHead): string | undefined {
  const joined = request.headers[NAME] as string | undefined;
  if (joined === undefined) return undefined;
  const lines = request.headersDistinct[NAME];
  // Two lines are ambiguous; joined by a proxy, they would be a third key.
  if (lines?.length !== 1) throw new RpcError('invalid_request', 'Send one Idempotency-Key header');
  return parseIdempotencyKey(joined);
}

/** @throws {RpcError} invalid_request for a malformed value of the header */
export function parseIdempotencyKey(value: string): string {
  const key = unquote(decode(value));
  if (key === undefined || !idempotencyKey.safeParse(key).success) {
    throw new RpcError(
      'invalid_request',
      'idempotency-key must have 1 to 255 characters of UTF-8 without control characters',
    );
  }
  return key;
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
