import { CODES, type Code, parseJson, parseRetryAfter, RpcError, stringifyJson } from 'rpc-kit';

export interface RestRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** With the query, below `/v1`. */
  readonly path: string;
  /** In wire form. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/** Sends a request and resolves to the body of its answer in the services' wire form. Rejects with an RpcError. */
export type Exchange = (request: RestRequest) => Promise<unknown>;

export function createExchange(gatewayUrl: string, userAgent: string): Exchange {
  return async ({ method, path, body, headers, signal }) => {
    try {
      const answer = await fetch(`${gatewayUrl}/v1${path}`, {
        method,
        headers: {
          'user-agent': userAgent,
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...headers,
        },
        body: body === undefined ? null : stringifyJson(body),
        redirect: 'error',
        signal,
      });
      const text = await answer.text();
      const found = text === '' ? undefined : toServiceForm(parseJson(text));
      if (answer.ok) return found;
      throw toError(answer, found);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (error instanceof RpcError) throw error;
      throw new RpcError('unavailable', 'The gateway did not answer', { cause: error });
    }
  };
}

function toError({ status, headers }: Response, body: unknown): RpcError {
  const { code, reason, message, details } = (body as { error?: Record<string, unknown> })?.error ?? {};
  const isCode = typeof code === 'string' && Object.hasOwn(CODES, code);
  return new RpcError(isCode ? (code as Code) : 'internal', String(message ?? `The gateway answered HTTP ${status}`), {
    ...(typeof reason === 'string' && { reason }),
    details,
    ...retryAfterOf(headers),
  });
}

function retryAfterOf(headers: Headers): { retryAfterMs?: number } {
  const retryAfterMs = parseRetryAfter({ retryAfter: headers.get('retry-after'), date: headers.get('date') });
  return retryAfterMs === undefined ? {} : { retryAfterMs };
}

/** The statuses that REST spells differently. */
const STATUSES: Readonly<Record<string, string>> = { awaiting_payment: 'awaiting payment', paid: 'payed' };

/** Ids are text in REST and numbers in the services' contracts. */
function toServiceForm(value: unknown, name = ''): unknown {
  if (typeof value === 'string') {
    if (name === 'status') return STATUSES[value] ?? value;
    const isID = name === 'user' || name === 'id' || (name.endsWith('ID') && name !== 'sessionID');
    return isID && /^-?\d+$/.test(value) ? BigInt(value) : value;
  }
  if (Array.isArray(value)) return value.map((item) => toServiceForm(item, name));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, toServiceForm(member, key)]));
}
