interface Component {
  readonly 'bom-ref': string;
}

/** The parts of a CycloneDX document of npm that are changed here. */
export interface Sbom {
  readonly metadata: { readonly component: Component };
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn?: readonly string[] }[];
}

/**
 * What one package of a workspace brings with it, out of the list of the whole workspace. npm's own filters leave packages out that
 * another part of the workspace needs for its development.
 * @param brought what each package of the workspace installs, by name: npm also lists what it needs for its development
 */
export function sbomOfPackage(all: Sbom, name: string, brought: ReadonlyMap<string, readonly string[]>): Sbom {
  const known = [all.metadata.component, ...all.components];
  const component = known.find((each) => nameOf(each['bom-ref']) === name);
  if (!component) throw new Error(`npm sbom did not list ${name}`);
  const dependsOn = new Map(
    all.dependencies.map(({ ref, dependsOn = [] }) => {
      const own = brought.get(nameOf(ref));
      return [ref, own ? dependsOn.filter((next) => own.includes(nameOf(next))) : dependsOn];
    }),
  );
  const refs = new Set([component['bom-ref']]);
  // A set also visits what is added meanwhile.
  for (const ref of refs) for (const next of dependsOn.get(ref) ?? []) refs.add(next);
  return {
    ...all,
    metadata: { ...all.metadata, component },
    components: all.components.filter((each) => each !== component && refs.has(each['bom-ref'])),
    dependencies: [...refs].map((ref) => ({ ref, dependsOn: dependsOn.get(ref) ?? [] })),
  };
}

/** `@scope/name@1.0.0` → `@scope/name` */
function nameOf(ref: string): string {
  return ref.slice(0, ref.lastIndexOf('@'));
}
