import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CompilerState, Extractor, ExtractorConfig, ExtractorLogLevel } from '@microsoft/api-extractor';
import { Failure } from 'mesh';
import { type BuiltPackage, COMPILER_OPTIONS } from './built-package.ts';

/**
 * Types that public signatures mention and that no entry exports: users get such values from one function of the package and pass them
 * to another, and never write the type.
 */
const PASSED_ON = new Set(
  `Canceller ChunkReader ClientCodec DeferredTaskEvents EnumValues GrpcMetrics HttpMetrics MemberOf MetricsPage OpenStreams
  ReceivedCall StandardResult Tally Target TextForm protoLock`.split(/\s+/),
);

export interface Report {
  /** From the project's folder. */
  readonly path: string;
  readonly text: string;
}

/** A report for each entry: all that it exports, with its types. Then what is missing in them, as sentences. */
export function makeReports(built: BuiltPackage): { reports: Report[]; mistakes: string[] } {
  const folder = join(built.folder, 'reports');
  mkdirSync(folder);
  const unexported = new Set<string>();
  let compilerState: CompilerState | undefined;
  const reports = built.entries.map(({ name, declarations }): Report => {
    const config = configOf(built, folder, `${name}.api.md`, declarations);
    // One program for all entries takes a second, one for each takes ten.
    compilerState ??= CompilerState.create(config, {
      additionalEntryPoints: built.entries.map(({ declarations }) => declarations),
    });
    Extractor.invoke(config, {
      localBuild: true,
      compilerState,
      messageCallback(message) {
        message.handled = true;
        if (message.category === 'Compiler') throw new Failure(`${message.sourceFilePath}: ${message.text}`);
        const [, symbol] = message.messageId === 'ae-forgotten-export' ? (/"(\w+)"/.exec(message.text) ?? []) : [];
        if (symbol !== undefined) unexported.add(symbol);
      },
    });
    return { path: `rpc-kit/api/${name}.api.md`, text: readFileSync(join(folder, `${name}.api.md`), 'utf8') };
  });
  return { reports, mistakes: findMistakes(reports, unexported) };
}

const EXPORTED = /^export (?:declare |abstract )*(?:class|function|const|interface|type) (\w+)/gm;
const UNDOCUMENTED = /^\/\/ @public \(undocumented\)\nexport .*?(?:class|function|const|interface|type) (\w+)/gm;

function findMistakes(reports: readonly Report[], unexported: ReadonlySet<string>): string[] {
  const named = (expression: RegExp) =>
    new Set(reports.flatMap(({ text }) => Array.from(text.matchAll(expression), ([, name = '']) => name)));
  const exported = named(EXPORTED);
  // A type that is derived from a constant mentions it.
  const missing = [...unexported].filter((name) => !exported.has(name) && !/^[A-Z_]+$/.test(name));
  return [
    ...missing
      .filter((name) => !PASSED_ON.has(name))
      .map((name) => `A public signature mentions ${name}, which no entry exports: export it in rpc-kit/src/types.ts.`),
    ...[...PASSED_ON]
      .filter((name) => !missing.includes(name))
      .map((name) => `${name} is exported or gone: remove it from PASSED_ON.`),
    ...[...named(UNDOCUMENTED)].map((name) => `${name} is exported and has no docstring: say what it is for.`),
  ];
}

function configOf(
  { folder }: BuiltPackage,
  reportFolder: string,
  reportFileName: string,
  entry: string,
): ExtractorConfig {
  const silent = { default: { logLevel: ExtractorLogLevel.None } };
  return ExtractorConfig.prepare({
    configObject: {
      projectFolder: folder,
      mainEntryPointFilePath: entry,
      compiler: { overrideTsconfig: { compilerOptions: COMPILER_OPTIONS, files: [entry] } },
      apiReport: { enabled: true, reportFileName, reportFolder, reportTempFolder: join(reportFolder, 'temp') },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      newlineKind: 'lf',
      messages: {
        compilerMessageReporting: { default: { logLevel: ExtractorLogLevel.Error } },
        extractorMessageReporting: { ...silent, 'ae-forgotten-export': { logLevel: ExtractorLogLevel.Warning } },
        tsdocMessageReporting: silent,
      },
    },
    configObjectFullPath: undefined,
    packageJsonFullPath: join(folder, 'package.json'),
  });
}
