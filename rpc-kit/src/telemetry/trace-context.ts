/**
 * W3C Trace Context (https://www.w3.org/TR/trace-context-2/) and Baggage (https://www.w3.org/TR/baggage/) of a call, each as the text
 * of its header.
 */
export interface TraceContext {
  readonly traceparent?: string | undefined;
  /** Additions of tracing vendors to the traceparent; invalid without it. */
  readonly tracestate?: string | undefined;
  /** Names and values of the caller, which may be personal data: it is passed to nested calls and never logged. */
  readonly baggage?: string | undefined;
}

/** Section 3.3.1: a longer list is invalid. */
const TRACESTATE_MEMBERS_MAX = 32;
/** Section 3.3.1.5: the length that every service must forward; whole members are dropped from a longer one. */
const TRACESTATE_LENGTH_MAX = 512;
/** Section 3.3.1.5: members above this length are dropped first. */
const TRACESTATE_MEMBER_DROPPED_FIRST = 128;
/** 32 members with the longest keys and values; a longer text is not parsed. */
const TRACESTATE_READ_MAX = TRACESTATE_MEMBERS_MAX * (256 + 1 + 256 + 1);
const TRACESTATE_MEMBER =
  /^[a-z0-9][a-z0-9_\-*/@]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;

/** OpenTelemetry's limits; the recommendation requires 64 members and 8,192 bytes. Members beyond them are dropped whole. */
const BAGGAGE_MEMBERS_MAX = 180;
const BAGGAGE_BYTES_MAX = 8_192;
const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
const SPACES = '[ \\t]*';
/** Each space can match in one place only: a text with several choices takes exponential time to refuse. */
const VALUE = `=${SPACES}(?:[\\x21\\x23-\\x2b\\x2d-\\x3a\\x3c-\\x5b\\x5d-\\x7e]+${SPACES})?`;
const BAGGAGE_MEMBER = new RegExp(`^${TOKEN}${SPACES}${VALUE}(?:;${SPACES}${TOKEN}${SPACES}(?:${VALUE})?)*$`);

/** A caller's trace context, as it is passed on and stored. Malformed parts are dropped: no call fails for its trace. */
export function acceptTraceContext({ traceparent, tracestate, baggage }: TraceContext): TraceContext {
  const parent = acceptTraceparent(traceparent);
  return {
    traceparent: parent,
    tracestate: parent === undefined ? undefined : acceptTracestate(tracestate),
    baggage: acceptBaggage(baggage),
  };
}

/** @param text all header lines, joined by node:http. One malformed member invalidates the whole tracestate (section 3.3). */
function acceptTracestate(text: string | undefined): string | undefined {
  if (text === undefined || text.length > TRACESTATE_READ_MAX) return undefined;
  const members = new Map<string, string>();
  for (const part of text.split(',')) {
    const member = part.trim();
    if (member === '') continue;
    if (!TRACESTATE_MEMBER.test(member)) return undefined;
    const key = member.slice(0, member.indexOf('='));
    // The first member of a key is the latest.
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

/** Drops malformed members, and all members from the first that exceeds a limit on. */
export function acceptBaggage(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const members: string[] = [];
  let bytes = -1;
  let start = 0;
  // Members that begin beyond the byte limit are not parsed, however long the text.
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

/** A parsed traceparent (section 3.2). */
export interface Traceparent {
  /** 32 hexadecimal digits in lower case. */
  readonly traceId: string;
  /** 16 hexadecimal digits in lower case. */
  readonly spanId: string;
  /** Bit 0: the trace is sampled. */
  readonly traceFlags: number;
}

/** A version above 00 may continue after the flags; its first fields are the same (section 3.2.4). */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:$|-)/;

/** `undefined` for a malformed text: the recommendation then requires a new trace. */
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
 * A caller's traceparent, as it is passed on and stored: of version 00, with 55 characters; `undefined` for a malformed text.
 */
function acceptTraceparent(text: string | undefined): string | undefined {
  const parsed = parseTraceparent(text);
  return parsed && formatTraceparent(parsed);
}

/** The header's text, of version 00: `00-<32 hex digits>-<16 hex digits>-<2 hex digits>`. */
export function formatTraceparent({ traceId, spanId, traceFlags }: Traceparent): string {
  return `00-${traceId}-${spanId}-${toFlagsText(traceFlags)}`;
}

function toFlagsText(traceFlags: number): string {
  if (traceFlags === 0) return '00';
  return traceFlags.toString(16).padStart(2, '0');
}
