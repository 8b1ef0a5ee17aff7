const DOMAIN = '*/src/domain/**/*.ts';
/** Ports are types: they leave nothing to run, are never loaded, and would count as not covered at all. */
const EXCLUDED = ['**/*.test.ts', '*/src/domain/*ports.ts'];
const PERCENT_MIN = '90';
/** What costs a customer money when it is wrong. */
const STRICT = ['checkout/src/domain/list-cart.ts', 'checkout/src/domain/purchase.ts'];

/** For c8: every file of every domain, also those that no test loads, each on its own. */
export function coverageArguments(folder: string): string[] {
  const excluded = EXCLUDED.flatMap((pattern) => ['--exclude', pattern]);
  const limits = ['--lines', '--branches', '--functions', '--statements'].flatMap((limit) => [limit, PERCENT_MIN]);
  return [
    ...['--temp-directory', folder, '--reporter', 'text', '--src', '.', '--all', '--include', DOMAIN, ...excluded],
    ...['--check-coverage', '--per-file', ...limits],
  ];
}

export function strictCoverageArguments(folder: string): string[] {
  const included = STRICT.flatMap((file) => ['--include', file]);
  return ['--temp-directory', folder, '--per-file', ...included, '--100'];
}
