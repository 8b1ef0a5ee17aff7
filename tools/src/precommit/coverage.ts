/** The domains, and the processes of notifications' rooms, whose ports tests replace as they do a domain's. */
const DOMAIN = [
  '*/src/domain/**/*.ts',
  'notifications/src/{kafka/consume-batch,kafka/replay-order,journal/write-journal,webhook/relay}.ts',
];
const LIBRARY = 'rpc-kit/src/**/*.ts';
/** Ports are types: they contain no code, are never loaded, and would count as uncovered. */
const EXCLUDED = ['**/*.test.ts', '*/src/domain/*ports.ts'];
/** Of lines and branches: for each file of a domain, and for the library as a whole. */
const PERCENT_MIN = '95';
/** An error in these costs a customer money. */
const STRICT = ['checkout/src/domain/list-cart.ts', 'checkout/src/domain/purchase.ts'];

const excluded = EXCLUDED.flatMap((pattern) => ['--exclude', pattern]);

/**
 * The tests that count for coverage: unit tests, and rpc-kit's tests over HTTP, which need no database. Without its fuzz run and
 * README test, which take longest and cover nothing more, the tests with programs that are compiled, and the tests of the package, which load other files.
 */
export const COVERING_TESTS = [
  ...['--config', '.mocharc.unit.json', '--spec', 'rpc-kit/test/**/*.test.ts'],
  ...['--ignore', 'rpc-kit/test/fuzz.test.ts', '--ignore', 'rpc-kit/test/readme.test.ts'],
  ...['--ignore', 'rpc-kit/test/grpcurl/**', '--ignore', 'rpc-kit/test/grpc-conformance/**'],
  ...['--ignore', 'rpc-kit/test/package/**'],
];

/** For c8: each file of every domain, also those that no test loads. */
export function coverageArguments(folder: string): string[] {
  const limits = ['--lines', '--branches', '--functions', '--statements'].flatMap((limit) => [limit, PERCENT_MIN]);
  return [...reportArguments(folder, DOMAIN), '--per-file', ...limits];
}

/** For c8: all files of rpc-kit together. */
export function libraryCoverageArguments(folder: string): string[] {
  return [...reportArguments(folder, [LIBRARY]), '--lines', PERCENT_MIN, '--branches', PERCENT_MIN];
}

export function strictCoverageArguments(folder: string): string[] {
  const included = STRICT.flatMap((file) => ['--include', file]);
  return ['--temp-directory', folder, '--per-file', ...included, '--100'];
}

function reportArguments(folder: string, patterns: readonly string[]): string[] {
  const included = patterns.flatMap((pattern) => ['--include', pattern]);
  const sources = ['--src', '.', '--all', ...included, ...excluded];
  return ['--temp-directory', folder, '--reporter', 'text', ...sources, '--check-coverage'];
}
