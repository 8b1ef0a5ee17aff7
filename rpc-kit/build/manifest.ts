type Versions = Readonly<Record<string, string>>;

/** What the package.json of the workspace says that the published one says, too. */
export interface SourceManifest {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly keywords: readonly string[];
  readonly license: string;
  readonly engines: Versions;
  /** Modules that differ by where the package runs, by condition. */
  readonly imports: Readonly<Record<string, Versions>>;
  readonly exports: Versions;
  readonly bin?: Versions;
  readonly dependencies: Versions;
  readonly peerDependencies: Versions;
  readonly peerDependenciesMeta: Readonly<Record<string, { readonly optional: true }>>;
}

/** Modules that do something when they are imported: the trace context registers itself for log scopes. */
const SIDE_EFFECTS = ['./telemetry/traced-context.js', './tracing.js'];

/**
 * @param isPublished whether the package has the module of that source
 * @param url of the repository, which npm compares with the provenance. Sources do not know where their repository is
 */
export function publishedManifest(source: SourceManifest, isPublished: (target: string) => boolean, url?: string) {
  const { name, version, description, keywords, license, engines, peerDependencies, peerDependenciesMeta } = source;
  const exported = Object.entries(source.exports).filter(([, target]) => isPublished(target));
  const bin = Object.entries(source.bin ?? {}).map(([command, target]) => [command, toModule(target, '.js')]);
  return {
    name,
    version,
    description,
    keywords,
    license,
    ...(url && { repository: { type: 'git', url: `git+${url}.git`, directory: 'rpc-kit' } }),
    type: 'module',
    engines,
    imports: Object.fromEntries(
      Object.entries(source.imports).map(([name, targets]) => [
        name,
        Object.fromEntries(Object.entries(targets).map(([condition, target]) => [condition, toModule(target, '.js')])),
      ]),
    ),
    exports: {
      ...Object.fromEntries(
        exported.map(([entry, target]) => [
          entry,
          { types: toModule(target, '.d.ts'), default: toModule(target, '.js') },
        ]),
      ),
      './package.json': './package.json',
    },
    ...(bin.length > 0 && { bin: Object.fromEntries(bin) }),
    sideEffects: [...SIDE_EFFECTS, ...bin.map(([, module]) => module)],
    dependencies: Object.fromEntries(Object.entries(source.dependencies).map(([each, pinned]) => [each, `^${pinned}`])),
    peerDependencies,
    peerDependenciesMeta,
  };
}

/** `./src/metrics.ts` is `./metrics.js` in the package. */
function toModule(target: string, extension: string): string {
  return target.replace(/^\.\/src\//, './').replace(/\.ts$/, extension);
}
