import type { Heard } from './converse.ts';

/** What was heard, without what differs from one time to the next: ids, dates, times, and the order of header lines. */
export function toComparable({ text, ending }: Heard): string {
  const answers = text.split(/(?=HTTP\/1\.1 \d{3} )/).map(comparableAnswer);
  return [...answers, `ended ${ending}`].join('\n');
}

function comparableAnswer(answer: string): string {
  const [head = '', ...rest] = answer.split('\r\n\r\n');
  const [statusLine = '', ...lines] = head.split('\r\n');
  const sent = rest.join('\r\n\r\n');
  const isInParts = lines.some((line) => /^transfer-encoding: chunked$/i.test(line));
  const body = (isInParts ? inOrder(joinParts(sent)) : sent).replace(UUIDS, 'UUID').replace(TIMES, '$1 TIME');
  const headers = lines
    .map((line) => line.replace(/^[^:]*/, (name) => name.toLowerCase()).replace(UUIDS, 'UUID'))
    .filter((line) => !CHANGING_HEADERS.test(line))
    // The length of a time in the body varies.
    .filter((line) => !(body.includes(' TIME') && line.startsWith('content-length:')))
    .toSorted();
  return [statusLine, ...headers, '', body].join('\n');
}

/** An answer in parts, as chunks of HTTP; its last chunk may be missing. */
function joinParts(chunks: string): string {
  const parts: string[] = [];
  for (let at = 0; at < chunks.length; ) {
    const sizeEnd = chunks.indexOf('\r\n', at);
    const size = Number.parseInt(chunks.slice(at, sizeEnd), 16);
    if (sizeEnd < 0 || Number.isNaN(size)) return [...parts, chunks.slice(at)].join('');
    parts.push(chunks.slice(sizeEnd + 2, sizeEnd + 2 + size));
    at = sizeEnd + 2 + size + 2;
  }
  return parts.join('');
}

/** The answers of a batch that come in parts come in any order. */
function inOrder(list: string): string {
  return list
    .replace(/^\[|\]$/g, '')
    .split(/,(?=\{"jsonrpc")/)
    .toSorted()
    .join(',\n');
}

const UUIDS = /[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const TIMES = /("remainingMs":)-?[\d.e+-]+/g;
const CHANGING_HEADERS = /^(date|ratelimit[\w-]*):/;
