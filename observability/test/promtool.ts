import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { prometheusProgram } from 'testing';

export const PROMETHEUS_FOLDER = join(import.meta.dirname, '../prometheus');

const TIMEOUT_MS = 60_000;

/** Runs promtool in the folder of the configuration; resolves to its exit code and output. */
export async function promtool(words: readonly string[], input = ''): Promise<{ code: number; output: string }> {
  const child = spawn(prometheusProgram('promtool'), words, { cwd: PROMETHEUS_FOLDER, timeout: TIMEOUT_MS });
  child.stdin.end(input);
  const [out, errors, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code, output: out + errors };
}
