/**
 * Types that public signatures mention and that no entry exports: users get such values from one function of the package and pass them
 * to another, and never write the type.
 */
const PASSED_ON = new Set(
  `Canceller ChunkReader ClientCodec DeferredTaskEvents EnumValues GrpcMetrics HttpMetrics MemberOf MetricsPage OpenStreams
  ReceivedCall StandardResult Tally Target TextForm protoLock`.split(/\s+/),
);

const EXPORTED = /^export (?:declare |abstract )*(?:class|function|const|interface|type) (\w+)/gm;
const UNDOCUMENTED = /^\/\/ @public \(undocumented\)\nexport .*?(?:class|function|const|interface|type) (\w+)/gm;

/**
 * What is missing in the public interface.
 * @param reports one of API Extractor for each entry
 * @param unexported symbols that an entry mentions and does not export itself
 */
export function findMistakes(
  reports: readonly string[],
  unexported: ReadonlySet<string>,
  passedOn: ReadonlySet<string> = PASSED_ON,
): string[] {
  const named = (expression: RegExp) =>
    new Set(reports.flatMap((text) => Array.from(text.matchAll(expression), ([, name = '']) => name)));
  const exported = named(EXPORTED);
  // A type that is derived from a constant mentions it.
  const missing = [...unexported].filter((name) => !exported.has(name) && !/^[A-Z_]+$/.test(name));
  return [
    ...missing
      .filter((name) => !passedOn.has(name))
      .map((name) => `A public signature mentions ${name}, which no entry exports: export it in rpc-kit/src/types.ts.`),
    ...[...passedOn]
      .filter((name) => !missing.includes(name))
      .map((name) => `${name} is exported or gone: remove it from PASSED_ON.`),
    ...[...named(UNDOCUMENTED)].map((name) => `${name} is exported and has no docstring: say what it is for.`),
  ];
}
