import { execFile } from 'node:child_process';

/** Of one program: the slowest is a suite of a minute or two. */
const TIMEOUT_MS = 400_000;
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

/** @throws {Error} with all output if the program fails */
export function runProgram(program: string, args: readonly string[], cwd: string): Promise<string> {
  const options = { cwd, timeout: TIMEOUT_MS, maxBuffer: OUTPUT_BYTES_MAX, killSignal: 'SIGKILL' as const };
  return new Promise((resolve, reject) => {
    execFile(program, [...args], options, (error, stdout, stderr) => {
      if (error) reject(new Error(`${program} ${args.join(' ')} failed:\n${stdout}${stderr}`, { cause: error }));
      else resolve(stdout);
    });
  });
}
