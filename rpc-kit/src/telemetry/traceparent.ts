/** Which span of which trace something belongs to: W3C Trace Context (https://www.w3.org/TR/trace-context/), section 3.2. */
export interface Traceparent {
  /** 32 hexadecimal digits in lower case. */
  readonly traceId: string;
  /** 16 of them. */
  readonly spanId: string;
  /** Bit 0: the trace is sampled. */
  readonly traceFlags: number;
}

/** A version above 00 may go on after the flags; what it begins with stays the same (section 3.2.4). */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:$|-)/;

/** `undefined` for what is none: the trace begins anew then, as the recommendation asks. */
export function parseTraceparent(text: string | undefined): Traceparent | undefined {
  if (text === undefined || !TRACEPARENT.test(text)) return undefined;
  // Version 00 ends with the flags.
  if (text.length > 55 && text.startsWith('00')) return undefined;
  return {
    traceId: text.slice(3, 35),
    spanId: text.slice(36, 52),
    traceFlags: Number.parseInt(text.slice(53, 55), 16),
  };
}

/**
 * A caller's traceparent as it travels on and is stored: of version 00, so that it has 55 known characters; `undefined` for
 * what is none.
 */
export function acceptTraceparent(text: string | undefined): string | undefined {
  const parsed = parseTraceparent(text);
  return parsed && formatTraceparent(parsed);
}

/** The header's text, of version 00: `00-<32 hex digits>-<16 hex digits>-<2 hex digits>`. */
export function formatTraceparent({ traceId, spanId, traceFlags }: Traceparent): string {
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
}
