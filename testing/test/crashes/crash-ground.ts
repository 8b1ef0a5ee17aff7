import { startFakeProducts } from 'checkout/testing';
import type { Announced } from 'notifications/testing';
import { createTestDatabase } from 'testing';
import { openSql, type Sql } from '../../src/sql.ts';

/** Shared by all crash tests: databases, the product service, and the notifications that users received. */
export interface CrashGround extends AsyncDisposable {
  readonly databaseUrls: { readonly loms: string; readonly checkout: string; readonly notifications: string };
  readonly productsUrl: string;
  readonly sql: { readonly loms: Sql; readonly checkout: Sql; readonly notifications: Sql };
  readonly announced: Announced[];
}

export async function openCrashGround(): Promise<CrashGround> {
  await using resources = new AsyncDisposableStack();
  const urlOf = async (service: string) => resources.use(await createTestDatabase(service)).url;
  const databaseUrls = {
    loms: await urlOf('loms'),
    checkout: await urlOf('checkout'),
    notifications: await urlOf('notifications'),
  };
  const sql = {
    loms: resources.use(openSql(databaseUrls.loms)),
    checkout: resources.use(openSql(databaseUrls.checkout)),
    notifications: resources.use(openSql(databaseUrls.notifications)),
  };
  const { url: productsUrl } = resources.use(await startFakeProducts());
  const owned = resources.move();
  return { databaseUrls, productsUrl, sql, announced: [], [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
