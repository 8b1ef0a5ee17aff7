import { abortReason, onAbort, raceSignal } from '../../deadline.ts';
import { RpcError } from '../../rpc-error.ts';
import { parseRetryAfter } from '../retry-after.ts';
import type { ExchangeRequest, ReplyHead } from './requests.ts';

/**
 * As much of the standard's fetch (https://fetch.spec.whatwg.org) as a transport needs: a browser's, a worker's, Node's, undici's, or that of
 * a handler in the same process, `(url, init) => handle(new Request(url, init))`.
 */
export type Fetch = (url: string, init: FetchInit) => Promise<FetchResponse>;

/** What a transport passes to a fetch: a part of the web's `RequestInit`. */
export interface FetchInit {
  readonly method: 'POST';
  readonly headers: Record<string, string>;
  readonly body: string;
  readonly signal: AbortSignal;
  readonly redirect: 'manual';
  readonly credentials?: Credentials;
}

/** Whether cookies go along; see https://fetch.spec.whatwg.org/#credentials. */
export type Credentials = 'omit' | 'same-origin' | 'include';

/** What a transport reads of an answer: a part of the web's `Response`. */
export interface FetchResponse {
  readonly status: number;
  readonly type?: string;
  readonly headers: { get(name: string): string | null };
  readonly body: { getReader(): ChunkReader } | null;
}

interface ChunkReader {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
  cancel(reason?: unknown): Promise<unknown>;
}

/** Sends requests of one transport. */
export interface FetchPeer {
  readonly fetch: Fetch;
  /** The URLs of requests continue it. */
  readonly origin: string;
  readonly credentials: Credentials | undefined;
}

/** The beginning of an answer. */
export interface Answering {
  readonly head: ReplyHead;
  readonly response: FetchResponse;
}

/** Sends a request. A fetch that does not heed the signal loses to it. */
export async function sendByFetch(
  { fetch, origin, credentials }: FetchPeer,
  { peer, path, headers, body, signal }: ExchangeRequest,
): Promise<Answering> {
  if (signal.aborted) throw abortReason(signal);
  const init = { method: 'POST', headers, body: body(), signal, redirect: 'manual' } as const;
  // Some workers refuse an init with this member, whatever its value.
  const sent = fetch(origin + path, credentials === undefined ? init : { ...init, credentials });
  const response = await raceSignal(sent, signal).catch((error) => {
    // An answer that comes later would keep its connection.
    sent.then(({ body }) => body?.getReader().cancel()).catch(() => {});
    throw error;
  });
  // A browser hides where a redirect leads; followed, it might lose the body.
  if (response.type === 'opaqueredirect') {
    throw new RpcError('internal', `${peer} redirects: create the transport with its new address`);
  }
  const { headers: received, status } = response;
  const retryAfterMs = parseRetryAfter({ retryAfter: received.get('retry-after'), date: received.get('date') });
  return { response, head: { status, retryAfterMs } };
}

/**
 * Reads the body, the next chunk when the last one has been taken.
 * @param silenceMaxMs after which the body counts as ended
 * @param take returns true when it wants no more
 */
export async function readChunks(
  { body }: FetchResponse,
  signal: AbortSignal,
  silenceMaxMs: number,
  take: (chunk: Uint8Array) => unknown,
): Promise<void> {
  const reader = body?.getReader();
  if (!reader) return;
  const cancel = (): void => void reader.cancel().catch(() => {});
  // After a cancellation, `read` says that the body has ended.
  const unfollow = onAbort(signal, cancel);
  try {
    for (;;) {
      const silence = setTimeout(cancel, silenceMaxMs);
      const { done, value } = await reader.read().finally(() => clearTimeout(silence));
      if (signal.aborted) throw abortReason(signal);
      if (done || value === undefined || (await take(value)) === true) break;
    }
  } finally {
    unfollow();
    // Closes the connection of an answer that was not read to its end.
    cancel();
  }
}

/** What fetch rejects with says little, and in a browser not even whether the request arrived. */
export function toFetchFailure(error: unknown, { peer, signal }: Pick<ExchangeRequest, 'peer' | 'signal'>): RpcError {
  if (error instanceof RpcError) return error;
  if (signal.aborted) return abortReason(signal);
  return new RpcError('unavailable', `The connection to ${peer} broke`, { cause: error });
}
