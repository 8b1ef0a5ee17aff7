import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describeFailure, findProgram, PROJECT_DIRECTORY } from 'mesh';

const run = promisify(execFile);

/** Programs that no package of npm has: each is compiled once and kept, where Go is installed. */
const GO_PROGRAMS = {
  grpcurl: {
    source: 'github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.4',
    variable: 'GRPCURL',
    tests: { folder: 'rpc-kit/test/grpcurl/', title: 'The tests of gRPC with grpcurl' },
    isAnyVersionFine: true,
  },
  // The lists of cases that fail belong to this version.
  connectconformance: {
    source: 'connectrpc.com/conformance/cmd/connectconformance@v1.0.7',
    variable: 'CONNECTCONFORMANCE',
    tests: { folder: 'rpc-kit/test/grpc-conformance/', title: 'The conformance suite of gRPC' },
    isAnyVersionFine: false,
  },
} as const;
type GoProgram = keyof typeof GO_PROGRAMS;

/** Compiling downloads some forty modules. */
const INSTALL_TIMEOUT_MS = 300_000;

/** Which of the tests need which program. */
export const TESTS_OF_GO_PROGRAMS = (Object.keys(GO_PROGRAMS) as GoProgram[]).map((program) => ({
  program,
  ...GO_PROGRAMS[program].tests,
}));

/**
 * Finds the program that its variable names, an installed one, or one that it compiles, and names it in the variable, where tests
 * read it.
 * @returns why there is none
 */
export async function missingGoProgram(program: GoProgram): Promise<string | undefined> {
  const { source, variable, isAnyVersionFine } = GO_PROGRAMS[program];
  if (process.env[variable]) return undefined;
  const installed = isAnyVersionFine ? findProgram(program) : undefined;
  const folder = join(PROJECT_DIRECTORY, 'node_modules/.cache', source.slice(source.lastIndexOf('/') + 1));
  const path = installed ?? join(folder, program);
  try {
    if (!existsSync(path)) {
      await run('go', ['install', source], { env: { ...process.env, GOBIN: folder }, timeout: INSTALL_TIMEOUT_MS });
    }
    process.env[variable] = path;
    return undefined;
  } catch (error) {
    return `They need ${program}: install Go, which compiles it (${describeFailure(error).split('\n')[0]}).`;
  }
}
