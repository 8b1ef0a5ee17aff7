import { spawn } from 'node:child_process';
import { PROJECT_DIRECTORY } from 'mesh';

export type ToolResult = { passed: boolean; output: string };

/** A limit against hanging: all checks together take less than a minute. */
const TIMEOUT_MS = 180_000;

/** Runs a script with this Node and answers its output. */
export async function runTool(words: string[], variables: NodeJS.ProcessEnv = {}): Promise<ToolResult> {
  const child = spawn(process.execPath, words, {
    cwd: PROJECT_DIRECTORY,
    env: { ...process.env, ...variables, FORCE_COLOR: process.stdout.isTTY ? '1' : '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: TIMEOUT_MS,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const { promise, resolve } = Promise.withResolvers<ToolResult>();
  child.once('error', (error) => resolve({ passed: false, output: error.message }));
  child.once('close', (code, signal) => {
    const ended = signal === null ? '' : `\nIt was ended by ${signal}: its limit is ${TIMEOUT_MS / 1000} s.`;
    resolve({ passed: code === 0, output: `${output}${ended}` });
  });
  return promise;
}
