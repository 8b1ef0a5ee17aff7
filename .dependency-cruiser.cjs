/**
 * Who may import whom: main → app → {handler, repository, peer} → domain, and of another service its contract only.
 * `make precommit` checks it.
 */
const SERVICES = '(products|loms|checkout|notifications)';

module.exports = {
  forbidden: [
    {
      name: 'domain-imports-only-itself',
      comment: 'The domain knows no contract, no SQL and no network. worker-pool is plain language-level code.',
      severity: 'error',
      from: { path: `^${SERVICES}/src/domain/`, pathNot: '\\.test\\.ts$' },
      to: { pathNot: ['^$1/src/domain/', '^worker-pool/src/'] },
    },
    {
      name: 'layers-do-not-know-each-other',
      comment: 'A handler does not know a repository or a peer, and the other way round: app.ts puts them together.',
      severity: 'error',
      from: { path: `^${SERVICES}/src/(handler|repository|peer)/`, pathNot: '\\.test\\.ts$' },
      to: { path: `^$1/src/(?!$2/|domain/|config\\.ts)` },
    },
    {
      name: 'of-another-service-only-its-contract',
      severity: 'error',
      from: { path: `^${SERVICES}/` },
      to: { path: `^${SERVICES}/`, pathNot: ['^$1/', `^${SERVICES}/contract\\.ts$`] },
    },
    {
      name: 'contract-is-self-contained',
      comment: 'A contract is what other packages import of a service: it must not drag the service along.',
      severity: 'error',
      from: { path: `^${SERVICES}/contract\\.ts$` },
      to: { path: `^${SERVICES}/src/` },
    },
    {
      name: 'kits-know-no-service',
      severity: 'error',
      from: { path: '^(rpc-kit|service-kit|worker-pool)/src/' },
      to: { path: `^(${SERVICES}|local)/` },
    },
    {
      name: 'rpc-kit-and-worker-pool-stand-alone',
      comment: 'service-kit is built on rpc-kit; rpc-kit and worker-pool need nothing else of this repository.',
      severity: 'error',
      from: { path: '^(rpc-kit|worker-pool)/src/' },
      to: { path: '^(rpc-kit|service-kit|worker-pool)/', pathNot: '^$1/' },
    },
    {
      name: 'http-libraries-stay-in-http',
      comment: 'jayson, undici and node:http are known to rpc-kit/src/http only.',
      severity: 'error',
      from: { path: '^rpc-kit/src/', pathNot: ['^rpc-kit/src/http/', '\\.test\\.ts$'] },
      to: { path: ['node_modules/(jayson|undici)/', '^(node:)?https?$'] },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    parser: 'swc',
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(coverage|benchmarks)/' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.js', '.json'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default'],
    },
  },
};
