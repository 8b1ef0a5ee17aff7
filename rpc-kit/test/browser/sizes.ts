import { type Bundle, bundleForBrowsers } from './bundle.ts';

/** What is measured, by the first cell of its row in rpc-kit's README. */
const PROGRAMS = {
  'zod alone, with one object': `import * as z from 'zod'; z.strictObject({ a: z.string() }).parse({});`,
  'a page with unary calls':
    `import { createClient, createFetchTransport } from 'rpc-kit/client';` +
    `import { counter } from './counter-contract.ts';` +
    `globalThis.client = createClient(counter, createFetchTransport('/'));`,
  'the page above, with `retry`': `export * from './counter-page.ts';`,
  'all of `rpc-kit/client`': `export * from 'rpc-kit/client';`,
} as const;

export interface SizeRow {
  readonly program: string;
  readonly bundle: Bundle;
}

export async function measureSizes(): Promise<SizeRow[]> {
  return Promise.all(
    Object.entries(PROGRAMS).map(async ([program, contents]) => ({
      program,
      bundle: await bundleForBrowsers(contents),
    })),
  );
}

/** The row of a README's table. */
export function sizeRow({ program, bundle }: SizeRow): string {
  const ofZod = [...bundle.files].filter(([path]) => path.includes('node_modules/zod/'));
  const zodBytes = ofZod.reduce((sum, [, bytes]) => sum + bytes, 0);
  const sizes = [bundle.bytes, zodBytes, bundle.gzipBytes, bundle.brotliBytes];
  return `| ${program} | ${sizes.map((bytes) => (bytes / 1_000).toFixed(1)).join(' | ')} |`;
}
