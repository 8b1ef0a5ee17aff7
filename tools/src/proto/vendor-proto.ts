import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PROJECT_DIRECTORY, runScript } from 'mesh';
import { markdownTable } from 'rpc-kit/markdown-table';
import { BUF } from './release.ts';

/**
 * `make vendor-proto`: replaces rpc-kit's copies of the files that gRPC servers share, each from a package whose version and bytes are
 * pinned here, and compiles them into one file of descriptors, which rpc-kit reads at run time.
 */

interface PinnedPackage {
  readonly name: string;
  readonly version: string;
  /** As the lock file of npm has it. */
  readonly integrity: string;
  /** Where rpc-kit/proto has each of its files, and where the package has it. */
  readonly files: Readonly<Record<string, string>>;
}

const PACKAGES: readonly PinnedPackage[] = [
  {
    name: 'google-proto-files',
    version: '6.0.1',
    integrity: 'sha512-fbvUWVNh3rKGlVFWwlUNF7Sk1Tah0a89q02rLTXsWjbKKHGeuURAa8tl9rvu5TyWny1YiSIo5eDqF260Tai6vQ==',
    files: {
      'google/rpc/code.proto': 'google/rpc/code.proto',
      'google/rpc/error_details.proto': 'google/rpc/error_details.proto',
      'google/rpc/status.proto': 'google/rpc/status.proto',
      LICENSE: 'LICENSE',
    },
  },
  {
    name: 'grpc-health-check',
    version: '2.1.0',
    integrity: 'sha512-HH3WjwNtusMTEQAtRelFgsFyNcOdihvpjusNDIrGYfWG8tPNSHqELrSyriIjm70k65YSxetsKG1y4H1L5gi1wQ==',
    files: { 'grpc/health/v1/health.proto': 'proto/health/v1/health.proto' },
  },
  {
    name: '@grpc/reflection',
    version: '1.0.4',
    integrity: 'sha512-znA8v4AviOD3OPOxy11pxrtP8k8DanpefeTymS8iGW1fVr1U2cHuzfhYqDPHnVNDf4qvF9E25KtSihPy2DBWfQ==',
    files: {
      'grpc/reflection/v1/reflection.proto': 'build/proto/grpc/reflection/v1/reflection.proto',
      'grpc/reflection/v1alpha/reflection.proto': 'build/proto/grpc/reflection/v1alpha/reflection.proto',
    },
  },
];

const FOLDER = join(PROJECT_DIRECTORY, 'rpc-kit/proto');
const DESCRIPTORS = join(PROJECT_DIRECTORY, 'rpc-kit/src/grpc/schema/vendored.binpb');

/** Extracts the files of the package below the folder, at the places that they have in rpc-kit/proto. */
function fetchPackage({ name, version, integrity, files }: PinnedPackage, folder: string): void {
  const packed = mkdtempSync(join(tmpdir(), 'order-mesh-package-'));
  try {
    const answer = execFileSync('npm', ['pack', `${name}@${version}`, '--json', '--pack-destination', packed]);
    const [{ filename }] = JSON.parse(answer.toString()) as [{ filename: string }];
    const archive = join(packed, filename);
    const hash = `sha512-${createHash('sha512').update(readFileSync(archive)).digest('base64')}`;
    if (hash !== integrity) throw new Error(`${name}@${version} has the hash ${hash}, but ${integrity} is pinned.`);
    execFileSync('tar', ['-xzf', archive, '-C', packed, ...Object.values(files).map((path) => `package/${path}`)]);
    for (const [target, source] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, target)), { recursive: true });
      copyFileSync(join(packed, 'package', source), join(folder, target));
    }
  } finally {
    rmSync(packed, { recursive: true, force: true });
  }
}

function readme(): string {
  const rows = PACKAGES.flatMap(({ name, version, integrity, files }) =>
    Object.keys(files).map((file) => [`\`${file}\``, `\`${name}@${version}\``, `\`${integrity.slice(0, 23)}…\``]),
  );
  return `# Files that gRPC servers share

Unchanged copies, written by \`make vendor-proto\`, which pins the packages and compiles the files into \`../src/grpc/schema/vendored.binpb\`. All are licensed under Apache-2.0, see [LICENSE](LICENSE).

${markdownTable(['file', 'npm package', 'hash of the package'], rows)}
`;
}

await runScript(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'order-mesh-proto-'));
  try {
    for (const pinned of PACKAGES) fetchPackage(pinned, folder);
    writeFileSync(join(folder, 'README.md'), readme());
    // Nothing is replaced unless every package was fetched.
    rmSync(FOLDER, { recursive: true, force: true });
    cpSync(folder, FOLDER, { recursive: true });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  execFileSync(process.execPath, [
    BUF,
    'build',
    FOLDER,
    '--exclude-source-info',
    '--as-file-descriptor-set',
    '-o',
    DESCRIPTORS,
  ]);
  console.log(`Written: ${FOLDER} and ${DESCRIPTORS}`);
  return 0;
});
