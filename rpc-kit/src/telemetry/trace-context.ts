/**
 * What travels with a call besides its request id, so that traces of all vendors hold together: W3C Trace Context
 * (https://www.w3.org/TR/trace-context-2/) and Baggage (https://www.w3.org/TR/baggage/), each as the text of its header.
 */
export interface TraceContext {
  readonly traceparent?: string | undefined;
  /** What tracing vendors add to the traceparent, and nothing without it. */
  readonly tracestate?: string | undefined;
  /** Names and values of the caller's own, also personal ones: it goes to our own services, and into no log. */
  readonly baggage?: string | undefined;
}

/** Section 3.3.1: a longer list is no tracestate. */
const TRACESTATE_MEMBERS_MAX = 32;
/** Section 3.3.1.5: as much as everyone has to forward; from what is longer, whole members are dropped. */
const TRACESTATE_LENGTH_MAX = 512;
/** Section 3.3.1.5: members above this length are dropped first. */
const TRACESTATE_MEMBER_DROPPED_FIRST = 128;
/** 32 members of the longest keys and values; what is longer is not looked into. */
const TRACESTATE_READ_MAX = TRACESTATE_MEMBERS_MAX * (256 + 1 + 256 + 1);
const TRACESTATE_MEMBER =
  /^[a-z0-9][a-z0-9_\-*/@]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;

/** What OpenTelemetry reads; the recommendation asks for 64 members and as many bytes. Members beyond are dropped whole. */
const BAGGAGE_MEMBERS_MAX = 180;
const BAGGAGE_BYTES_MAX = 8_192;
const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
const VALUE = '[\\x21\\x23-\\x2b\\x2d-\\x3a\\x3c-\\x5b\\x5d-\\x7e]*';
const BAGGAGE_MEMBER = new RegExp(
  `^${TOKEN}[ \\t]*=[ \\t]*${VALUE}(?:[ \\t]*;[ \\t]*${TOKEN}(?:[ \\t]*=[ \\t]*${VALUE})?)*$`,
);

/** A caller's trace context as it travels on and is stored. What is malformed is left out: no call fails for its trace. */
export function acceptTraceContext({ traceparent, tracestate, baggage }: TraceContext): TraceContext {
  const parent = acceptTraceparent(traceparent);
  return {
    traceparent: parent,
    tracestate: parent === undefined ? undefined : acceptTracestate(tracestate),
    baggage: acceptBaggage(baggage),
  };
}

/** One text for all header lines, which node:http has joined. One bad member makes the whole no tracestate (section 3.3). */
function acceptTracestate(text: string | undefined): string | undefined {
  if (text === undefined || text.length > TRACESTATE_READ_MAX) return undefined;
  const members = new Map<string, string>();
  for (const part of text.split(',')) {
    const member = part.trim();
    if (member === '') continue;
    if (!TRACESTATE_MEMBER.test(member)) return undefined;
    const key = member.slice(0, member.indexOf('='));
    // The first of a key is the latest.
    if (!members.has(key)) members.set(key, member);
  }
  if (members.size === 0 || members.size > TRACESTATE_MEMBERS_MAX) return undefined;
  return shortened([...members.values()]) || undefined;
}

function shortened(members: string[]): string {
  const length = () => members.reduce((sum, member) => sum + member.length + 1, -1);
  while (length() > TRACESTATE_LENGTH_MAX) {
    const large = members.findLastIndex((member) => member.length > TRACESTATE_MEMBER_DROPPED_FIRST);
    members.splice(large, 1);
  }
  return members.join(',');
}

/** A bad member costs only itself; members from the first on that does not fit are dropped. */
export function acceptBaggage(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const members: string[] = [];
  let bytes = -1;
  let start = 0;
  // What begins behind as many bytes as may be kept is not looked at, however long the text.
  while (start < Math.min(text.length, BAGGAGE_BYTES_MAX) && members.length < BAGGAGE_MEMBERS_MAX) {
    const comma = text.indexOf(',', start);
    const end = comma < 0 ? text.length : comma;
    if (end - start > BAGGAGE_BYTES_MAX) break;
    const member = text.slice(start, end).trim();
    if (BAGGAGE_MEMBER.test(member)) {
      bytes += 1 + member.length;
      if (bytes > BAGGAGE_BYTES_MAX) break;
      members.push(member);
    }
    start = end + 1;
  }
  return members.length === 0 ? undefined : members.join(',');
}

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
function acceptTraceparent(text: string | undefined): string | undefined {
  const parsed = parseTraceparent(text);
  return parsed && formatTraceparent(parsed);
}

/** The header's text, of version 00: `00-<32 hex digits>-<16 hex digits>-<2 hex digits>`. */
export function formatTraceparent({ traceId, spanId, traceFlags }: Traceparent): string {
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
}
