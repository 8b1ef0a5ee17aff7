import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describeFailure, findProgram, PROJECT_DIRECTORY } from 'mesh';

const run = promisify(execFile);

/** A Go program, so no package of npm: it is compiled once and kept, where Go is installed. */
const GRPCURL = 'github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.4';
const FOLDER = join(PROJECT_DIRECTORY, 'node_modules/.cache/grpcurl');
/** It downloads and compiles some forty modules. */
const INSTALL_TIMEOUT_MS = 300_000;

/** The program that the tests of gRPC call: the one of the variable GRPCURL, an installed one, or a compiled one. */
export async function findGrpcurl(): Promise<{ path: string } | { missing: string }> {
  const given = process.env.GRPCURL;
  if (given) return { path: given };
  const installed = findProgram('grpcurl');
  if (installed) return { path: installed };
  const compiled = join(FOLDER, 'grpcurl');
  if (existsSync(compiled)) return { path: compiled };
  try {
    await run('go', ['install', GRPCURL], { env: { ...process.env, GOBIN: FOLDER }, timeout: INSTALL_TIMEOUT_MS });
    return { path: compiled };
  } catch (error) {
    return { missing: `Install grpcurl, or Go, which compiles it (${describeFailure(error).split('\n')[0]}).` };
  }
}
