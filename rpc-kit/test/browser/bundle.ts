import { fileURLToPath } from 'node:url';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { type BuildOptions, build } from 'esbuild';

export interface Bundle {
  readonly code: string;
  /** Paths of the files in it, with the bytes that are left of each. */
  readonly files: ReadonlyMap<string, number>;
  readonly bytes: number;
  readonly gzipBytes: number;
  readonly brotliBytes: number;
}

/** Bundles a program as a page's author does. Only what browsers have resolves: an import of Node's modules fails. */
export async function bundleForBrowsers(contents: string, options: BuildOptions = {}): Promise<Bundle> {
  const { outputFiles, metafile } = await build({
    stdin: { contents, resolveDir: fileURLToPath(new URL('../../examples/', import.meta.url)), loader: 'ts' },
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    write: false,
    metafile: true,
    logLevel: 'silent',
    ...options,
  });
  const [output] = outputFiles ?? [];
  if (!output) throw new Error('esbuild wrote nothing');
  const inputs = Object.values(metafile?.outputs ?? {}).flatMap((written) => Object.entries(written.inputs));
  return {
    code: output.text,
    files: new Map(inputs.map(([path, { bytesInOutput }]) => [path, bytesInOutput])),
    bytes: output.contents.length,
    gzipBytes: gzipSync(output.contents, { level: 9 }).length,
    brotliBytes: brotliCompressSync(output.contents).length,
  };
}
