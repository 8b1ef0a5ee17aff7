const DOMAIN = '*/src/domain/**/*.ts';
const LIBRARY = 'rpc-kit/src/**/*.ts';
/** Ports are types: they leave nothing to run, are never loaded, and would count as not covered at all. */
const EXCLUDED = ['**/*.test.ts', '*/src/domain/*ports.ts'];
/** Of lines and of branches: of each file of a domain by itself, of the library as a whole. */
const PERCENT_MIN = '95';
/** What costs a customer money when it is wrong. */
const STRICT = ['checkout/src/domain/list-cart.ts', 'checkout/src/domain/purchase.ts'];

const excluded = EXCLUDED.flatMap((pattern) => ['--exclude', pattern]);

/**
 * The tests that coverage is taken of: unit tests, and those of rpc-kit over HTTP, which need no database. Two of these cover
 * nothing that the others do not, and take longest: the fuzz run and the one that tries the README.
 */
export const COVERING_TESTS = [
  ...['--config', '.mocharc.unit.json', '--spec', 'rpc-kit/test/**/*.test.ts'],
  ...['--ignore', 'rpc-kit/test/fuzz.test.ts', '--ignore', 'rpc-kit/test/readme.test.ts'],
];

/** For c8: every file of every domain, also those that no test loads, each on its own. */
export function coverageArguments(folder: string): string[] {
  const limits = ['--lines', '--branches', '--functions', '--statements'].flatMap((limit) => [limit, PERCENT_MIN]);
  return [
    ...['--temp-directory', folder, '--reporter', 'text', '--src', '.', '--all', '--include', DOMAIN, ...excluded],
    ...['--check-coverage', '--per-file', ...limits],
  ];
}

/** The same of every file of rpc-kit, all of them together. */
export function libraryCoverageArguments(folder: string): string[] {
  return [
    ...['--temp-directory', folder, '--reporter', 'text', '--src', '.', '--all', '--include', LIBRARY, ...excluded],
    ...['--check-coverage', '--lines', PERCENT_MIN, '--branches', PERCENT_MIN],
  ];
}

export function strictCoverageArguments(folder: string): string[] {
  const included = STRICT.flatMap((file) => ['--include', file]);
  return ['--temp-directory', folder, '--per-file', ...included, '--100'];
}
