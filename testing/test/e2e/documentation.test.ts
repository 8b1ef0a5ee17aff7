import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { DEFAULT_PORTS, PROJECT_DIRECTORY, SERVICES } from 'mesh';
import { startMesh, type TestMesh } from 'testing';

const execute = promisify(execFile);

/** Events reach notifications within this time, and a person pastes the next line later. */
const HISTORY_TIMEOUT_MS = 5_000;
const CURL_TIMEOUT_MS = 10_000;

interface Step {
  readonly line: string;
  readonly answer: string;
}

/** Every curl line of the page with its documented answer. */
async function readSteps(page: string): Promise<Step[]> {
  const text = await readFile(join(PROJECT_DIRECTORY, page), 'utf8');
  const steps = text.matchAll(/```sh\n(?<line>curl [^\n]+)\n```\n\nanswers(?:, for example,)? `(?<answer>[^\n]*)`\n/g);
  const all = [...steps].map(({ groups }) => ({ line: groups?.line ?? '', answer: groups?.answer ?? '' }));
  // Users, tokens and keys differ in each mesh.
  return all.filter(({ line }) => !line.includes(`localhost:${DEFAULT_PORTS.accounts}/`));
}

/** Parts that differ between runs: request ids, times and cursors. */
function masked(answer: string): string {
  return answer.replaceAll(/"(requestId|at|nextCursor)":"[^"]+"/g, '"$1":"…"');
}

function atPortsOf(mesh: TestMesh, line: string): string {
  return SERVICES.reduce(
    (text, service) =>
      text.replace(`localhost:${DEFAULT_PORTS[service]}/`, `${mesh.urls[service].replace('http://', '')}/`),
    line,
  );
}

async function paste(line: string): Promise<string> {
  const { stdout } = await execute('sh', ['-c', line], { timeout: CURL_TIMEOUT_MS });
  return masked(stdout);
}

async function pasteUntil(line: string, expected: string): Promise<string> {
  const deadline = performance.now() + HISTORY_TIMEOUT_MS;
  for (;;) {
    const answer = await paste(line);
    if (answer === expected || performance.now() > deadline) return answer;
    await sleep(50);
  }
}

for (const { page, stepsMin } of [
  { page: 'README.md', stepsMin: 10 },
  { page: 'contracts.md', stepsMin: 13 },
]) {
  describe(`the curl lines of ${page}, pasted from the top into a fresh mesh`, () => {
    it('give the answers that the page prints', async () => {
      const steps = await readSteps(page);
      assert.ok(steps.length >= stepsMin, `only ${steps.length} lines were found`);
      // As make run-all starts it: the lines carry no tokens.
      await using mesh = await startMesh({ ACCESS: 'open' });
      for (const { line, answer } of steps) {
        const here = atPortsOf(mesh, line);
        const expected = masked(answer);
        const given = line.includes('/history') ? await pasteUntil(here, expected) : await paste(here);
        assert.equal(given, expected, line);
      }
    });
  });
}
