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
 * @param brought names of the packages that it installs
 */
export function sbomOfPackage(all: Sbom, name: string, brought: readonly string[]): Sbom {
  const dependsOn = new Map(all.dependencies.map(({ ref, dependsOn = [] }) => [ref, dependsOn]));
  const component = all.components.find((each) => each['bom-ref'].startsWith(`${name}@`));
  if (!component) throw new Error(`npm sbom did not list ${name}`);
  const own = component['bom-ref'];
  const direct = (dependsOn.get(own) ?? []).filter((ref) => brought.includes(ref.slice(0, ref.lastIndexOf('@'))));
  const refs = new Set(direct);
  // A set also visits what is added meanwhile.
  for (const ref of refs) for (const next of dependsOn.get(ref) ?? []) refs.add(next);
  return {
    ...all,
    metadata: { ...all.metadata, component },
    components: all.components.filter((each) => refs.has(each['bom-ref'])),
    dependencies: [{ ref: own, dependsOn: direct }, ...all.dependencies.filter(({ ref }) => refs.has(ref))],
  };
}
