import type { Sources } from './rule.ts';
import { openSnapshot } from './snapshot.ts';

export interface DatabaseUrls {
  readonly loms?: string | undefined;
  readonly checkout?: string | undefined;
  readonly notifications?: string | undefined;
}

export interface OpenSources extends AsyncDisposable {
  readonly sources: Pick<Sources, keyof DatabaseUrls>;
}

/** The databases as they are now, in one snapshot each. Rejects when one of them cannot be reached. */
export async function openSources(urls: DatabaseUrls): Promise<OpenSources> {
  await using opening = new AsyncDisposableStack();
  const open = async (url: string | undefined) =>
    url === undefined ? undefined : opening.use(await openSnapshot(url)).query;
  const sources = {
    loms: await open(urls.loms),
    checkout: await open(urls.checkout),
    notifications: await open(urls.notifications),
  };
  const opened = opening.move();
  return { sources, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}
