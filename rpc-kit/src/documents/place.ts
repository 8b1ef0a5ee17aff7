/** In the order in which the docs page links them. */
export const PAGE_ADDRESSES = ['/docs', '/openrpc.json', '/openapi.json', '/healthz', '/readyz', '/metrics'] as const;
/** The address of a page that a mounted service can have. */
export type PageAddress = (typeof PAGE_ADDRESSES)[number];

/** Where a service is served, for the documents that name addresses. */
export interface Place {
  /** The path before every address: empty, or e.g. `/prices`. */
  readonly prefix: string;
  /** The pages that are served there. */
  readonly pages: readonly PageAddress[];
}

/** A server of its own. */
export const ROOT: Place = { prefix: '', pages: PAGE_ADDRESSES };
