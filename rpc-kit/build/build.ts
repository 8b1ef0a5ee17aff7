import { execFileSync } from 'node:child_process';
import { copyFileSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { publishedManifest, type SourceManifest } from './manifest.ts';
import { readmeOfPackage } from './readme.ts';

/**
 * `npm run build -w rpc-kit`: writes the package that is published to rpc-kit/dist, or to the folder that is passed. The same sources
 * give the same bytes. A release passes its repository too, `https://github.com/<owner>/<name>`.
 */

const PACKAGE = join(import.meta.dirname, '..');
const ROOT = join(PACKAGE, '..');
const [, , folder = join(PACKAGE, 'dist'), repository] = process.argv;
const DIST = resolve(folder);
const CONFIG = join(import.meta.dirname, 'tsconfig.json');

const json = (path: string) => JSON.parse(readFileSync(path, 'utf8'));
const emitted = () => globSync('**/*.js', { cwd: DIST });

rmSync(DIST, { recursive: true, force: true });
const TSC = join(ROOT, 'node_modules/typescript/bin/tsc');
execFileSync(process.execPath, [TSC, '-p', CONFIG, '--outDir', DIST], { stdio: 'inherit' });
for (const path of globSync('**/*.d.ts', { cwd: DIST })) {
  const file = join(DIST, path);
  writeFileSync(file, toJavaScriptImports(readFileSync(file, 'utf8')));
}
for (const path of globSync('**/*.js.map', { cwd: DIST })) {
  const file = join(DIST, path);
  writeFileSync(file, JSON.stringify(withoutPaths(json(file))));
}
copyAssets();
copyFileSync(join(ROOT, 'LICENSE'), join(DIST, 'LICENSE'));
const source: SourceManifest = json(join(PACKAGE, 'package.json'));
const release =
  repository === undefined ? undefined : `${repository}/blob/${source.name}-v${source.version}/${source.name}/`;
writeFileSync(join(DIST, 'README.md'), readmeOfPackage(readFileSync(join(PACKAGE, 'README.md'), 'utf8'), release));
writeFileSync(join(DIST, 'package.json'), `${JSON.stringify(manifest(), undefined, 2)}\n`);
console.log(
  `${relative(process.cwd(), DIST)} has ${emitted().length} modules. npm pack of this folder makes the tarball.`,
);

/** The compiler leaves `.ts` in declarations; some tools resolve only what is there. */
function toJavaScriptImports(declarations: string): string {
  return declarations.replaceAll(/(from |import\()(['"])(\.[^'"]*)\.ts\2/g, '$1$2$3.js$2');
}

/** A source map holds its source; the path to it would differ by the folder of the build. */
function withoutPaths(map: { readonly sources: readonly string[] }) {
  return { ...map, sources: map.sources.map((path) => basename(path)) };
}

/** Files that modules read at run time, beside the modules. */
function copyAssets(): void {
  const directories = new Set(emitted().map((path) => dirname(path)));
  for (const path of globSync('**/*.*', { cwd: join(PACKAGE, 'src'), exclude: (name) => name.endsWith('.ts') })) {
    if (directories.has(dirname(path))) copyFileSync(join(PACKAGE, 'src', path), join(DIST, path));
  }
}

function manifest() {
  const entries: readonly string[] = json(CONFIG).files.map((path: string) => resolve(import.meta.dirname, path));
  const isPublished = (target: string): boolean => entries.includes(resolve(PACKAGE, target));
  return publishedManifest(source, isPublished, repository);
}
