import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CompilerState, Extractor, ExtractorConfig, ExtractorLogLevel } from '@microsoft/api-extractor';
import { Failure } from 'mesh';
import { type BuiltPackage, COMPILER_OPTIONS } from './built-package.ts';
import { findMistakes } from './interface-mistakes.ts';

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
  return {
    reports,
    mistakes: findMistakes(
      reports.map(({ text }) => text),
      unexported,
    ),
  };
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
