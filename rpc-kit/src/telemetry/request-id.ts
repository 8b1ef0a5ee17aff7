/** Characters that are safe in a header, a log line and a shell. A caller's id of another form is replaced. */
const REQUEST_ID = /^[\w.:@/+=-]{1,128}$/;

/** A UUID of version 4 (RFC 9562, section 5.4). Browsers have `crypto.randomUUID` only in pages that were loaded by https. */
export function randomUuid(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/** Ids that share a random part: a random part for each takes longer than all else that makes an id. */
const IDS_PER_DRAW = 900_000;
/** So that each number has six digits. */
const FIRST_NUMBER = 100_000;
const DIGITS = 6;
let randomPart = '';
let ids = IDS_PER_DRAW;

/** A random id of which the last six digits count. */
export function createRequestId(): string {
  if (ids === IDS_PER_DRAW) {
    randomPart = randomUuid().slice(0, -DIGITS);
    ids = 0;
  }
  return `${randomPart}${FIRST_NUMBER + ids++}`;
}

/** A caller's request id; `undefined` when it is malformed. */
export function parseRequestId(text: string | undefined): string | undefined {
  return text !== undefined && REQUEST_ID.test(text) ? text : undefined;
}

/** The caller's request id, or a new one when it is missing or malformed. */
export function acceptRequestId(offered: string | undefined): string {
  return parseRequestId(offered) ?? createRequestId();
}
