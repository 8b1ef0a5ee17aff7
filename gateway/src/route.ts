import type { CallOptions, MethodContract } from 'rpc-kit';
import type { z } from 'zod';
import type { Person } from './auth/access-tokens.ts';
import type { Services } from './services.ts';

/**
 * Who may use a route. `owner`: the user that owns the thing, or an admin; the handler checks the owner, and another's thing is
 * answered like an unknown one.
 */
export type Who = 'anyone' | 'user' | 'owner' | 'admin';

/** A route of the REST API: plain data, and the mapping to calls of services. */
export interface Route<
  W extends Who = Who,
  P extends z.ZodObject = z.ZodObject,
  Q extends z.ZodObject = z.ZodObject,
  B extends z.ZodType = z.ZodType,
  A extends z.ZodType = z.ZodType,
> {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Below `/v1`, with params in braces: `/products/{sku}`. */
  readonly path: string;
  readonly who: W;
  /** One sentence: what the route does. */
  readonly summary: string;
  readonly description?: string;
  /** The methods that it calls one after the other. Their errors are answered, and the sum of their timeouts is the deadline. */
  readonly calls: readonly MethodContract[];
  /** Errors that the row itself throws, besides those of its calls. */
  readonly errors?: MethodContract['errors'];
  /** Strict objects: a param outside its form is 404, anything else 400. */
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  /** The list's cursor is signed: it belongs to this route, to its query and to the person. */
  readonly pages?: true;
  /** Whether the request names its effect by the header Idempotency-Key. */
  readonly idempotencyKey?: 'required' | 'optional';
  /** Whether the request names the version that it changes by the header If-Match. */
  readonly ifMatch?: true;
  /** The stricter limit of requests to routes that check secrets. */
  readonly limit?: 'auth';
  /** Which requests are refused first under load. Default: normal. */
  readonly priority?: 'high' | 'low';
  readonly status: 200 | 201 | 204;
  /** The answer's body; members that it does not name never leave. */
  readonly answer?: A;
  /** Statuses of reasons that differ from the table in rest-error.ts. */
  readonly statuses?: Readonly<Record<string, number>>;
  /** In wire form, for the documents. */
  readonly example?: {
    readonly params?: Readonly<Record<string, string>>;
    readonly query?: Readonly<Record<string, string>>;
    readonly body?: unknown;
    readonly answer?: unknown;
  };
  handle(request: RestRequest<W, z.output<P>, z.output<Q>, z.output<B>>): Promise<Answer<z.output<A>>>;
}

/** A request that was admitted and validated. */
export interface RestRequest<W extends Who, P, Q, B> {
  readonly services: Services;
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  /** The signed-in person; on routes for anyone, `signIn` verifies the token if there is need. */
  readonly person: W extends 'anyone' ? undefined : Person;
  signIn(): Promise<Person>;
  /** Options of every call: deadline, cancellation, request id and trace. */
  readonly call: CallOptions;
  readonly idempotencyKey: string | undefined;
  /** The version of If-Match; 0 on routes without it. */
  readonly version: number;
  /** The device, for sessions and failed logins. */
  readonly device: { readonly address: string; readonly userAgent?: string };
  /** Whether tokens travel in cookies, and the refresh token of the cookie. */
  readonly cookies: { readonly isAsked: boolean; readonly refreshToken: string | undefined };
}

export interface Answer<B> {
  readonly body?: B;
  /** The new resource of a 201, below `/v1`. */
  readonly location?: string;
  /** The version of the answered resource. */
  readonly etag?: number;
  /** Tokens that go into cookies; null removes the cookies. */
  readonly cookies?: { readonly accessToken: string; readonly expiresIn: number; readonly refreshToken: string } | null;
}

/** Types the handler of a row by its schemas. */
export function route<
  W extends Who,
  P extends z.ZodObject = z.ZodObject<Record<never, never>>,
  Q extends z.ZodObject = z.ZodObject<Record<never, never>>,
  B extends z.ZodType = z.ZodUndefined,
  A extends z.ZodType = z.ZodUndefined,
>(row: Route<W, P, Q, B, A>): Route {
  return row as unknown as Route;
}
