import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Failure } from 'mesh';
import { Application, LogLevel, type Reflection } from 'typedoc';
import { type BuiltPackage, COMPILER_OPTIONS } from './built-package.ts';
import type { Report } from './reports.ts';

const FOLDER = 'docs/api';

/** The docstrings of all that the entries export, as Markdown that needs no hosting: a page for each entry, and a list of them. */
export async function makeReference(built: BuiltPackage): Promise<Report[]> {
  const tsconfig = join(built.folder, 'tsconfig.json');
  writeFileSync(tsconfig, JSON.stringify({ compilerOptions: COMPILER_OPTIONS, include: ['**/*.d.ts'] }));
  const out = join(built.folder, 'reference');
  const typedoc = await Application.bootstrapWithPlugins({
    entryPoints: built.entries.map(({ declarations }) => declarations),
    tsconfig,
    // By its path, because typedoc looks for plugins from the folder in which the process was started.
    plugin: [fileURLToPath(import.meta.resolve('typedoc-plugin-markdown'))],
    outputs: [{ name: 'markdown', path: out }],
    name: 'API reference of rpc-kit',
    readme: 'none',
    logLevel: LogLevel.Error,
    skipErrorChecking: true,
    // Lines of a source move with every change.
    disableSources: true,
    disableGit: true,
    preservedTypeAnnotationTags: ['@throws'],
    excludeExternals: true,
    excludePrivate: true,
    ...MARKDOWN,
  });
  const project = await typedoc.convert();
  if (!project) throw new Failure('typedoc could not read the declarations of rpc-kit.');
  for (const module of project.children ?? []) {
    const files = [`${module.name}.d.ts`, `${module.name}/index.d.ts`].map((file) => join(built.folder, file));
    const entry = built.entries.find(({ declarations }) => files.includes(declarations));
    if (entry) module.name = entry.specifier;
  }
  for (const reflection of Object.values(project.reflections)) showErrors(reflection);
  await typedoc.generateOutputs(project);
  return globSync('**/*.md', { cwd: out }).map((path) => ({
    path: join(FOLDER, path),
    text: readFileSync(join(out, path), 'utf8'),
  }));
}

/** The plugin omits the class of `@throws {TypeError}`. */
function showErrors({ comment }: Reflection): void {
  for (const tag of comment?.getTags('@throws') ?? []) {
    const [, error] = /^\{(\w+)\}$/.exec(tag.typeAnnotation ?? '') ?? [];
    if (error !== undefined) tag.content.unshift({ kind: 'code', text: `\`${error}\`` }, { kind: 'text', text: ' ' });
  }
}

const MARKDOWN = {
  router: 'module',
  hideBreadcrumbs: true,
  hidePageHeader: true,
  useCodeBlocks: true,
  parametersFormat: 'table',
  interfacePropertiesFormat: 'table',
  typeDeclarationFormat: 'table',
  enumMembersFormat: 'table',
};
