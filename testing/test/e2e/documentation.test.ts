import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DEFAULT_PORTS, PROJECT_DIRECTORY, SERVICES } from 'mesh';
import { eventually, startMesh, type TestMesh } from 'testing';

/** Events reach notifications within this time, and a person pastes the next line later. */
const EVENT_TIMEOUT_MS = 5_000;
/** Printed after the output of the lines. */
const END = '--end of the lines--';

interface Step {
  readonly lines: string;
  /** Unset where the lines only set variables of the shell. */
  readonly answer: string | undefined;
}

const BLOCK =
  /```sh\n(?<lines>(?:(?:curl |make admin |\w+\(\) |[A-Z]+=)[^\n]+\n)+)```\n(?:\nanswers(?:, for example,)? `(?<answer>[^\n]*)`\n)?/g;

/** Every block of curl lines on the page, with the documented answer of its last line. */
async function readSteps(page: string): Promise<Step[]> {
  const text = await readFile(join(PROJECT_DIRECTORY, page), 'utf8');
  const all = [...text.matchAll(BLOCK)].map(({ groups }) => ({ lines: groups?.lines ?? '', answer: groups?.answer }));
  // In contracts.md they show users and tokens of another mesh.
  return all.filter(({ lines }) => !lines.includes(`localhost:${DEFAULT_PORTS.accounts}/`));
}

/** Parts that differ between runs: request ids, times, cursors and tokens. */
function masked(answer: string): string {
  return answer.replaceAll(
    /"(requestId|at|createdAt|nextCursor|accessToken|refreshToken)":"[^"]+"/g,
    (_, name) => `"${name}":"…"`,
  );
}

function atPortsOf(mesh: TestMesh, lines: string): string {
  return SERVICES.reduce(
    (text, service) =>
      text.replaceAll(`localhost:${DEFAULT_PORTS[service]}/`, `${mesh.urls[service].replace('http://', '')}/`),
    lines,
  );
}

type Shell = AsyncDisposable & { paste(lines: string): Promise<string> };

/** One shell for all lines of a page, because some set variables for those below. */
function openShell(environment: NodeJS.ProcessEnv): Shell {
  const shell = spawn('sh', [], { cwd: PROJECT_DIRECTORY, env: environment, stdio: ['pipe', 'pipe', 'inherit'] });
  let printed = '';
  shell.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
  });
  return {
    async paste(lines) {
      printed = '';
      shell.stdin.write(`${lines}\nprintf %s '${END}'\n`);
      await eventually('the lines have ended', async () => printed.endsWith(END));
      return masked(printed.slice(0, -END.length).trim());
    },
    async [Symbol.asyncDispose]() {
      shell.stdin.end();
      await once(shell, 'close');
    },
  };
}

async function pasteUntil({ paste }: Shell, lines: string, expected: string): Promise<string> {
  const deadline = performance.now() + EVENT_TIMEOUT_MS;
  for (;;) {
    const answer = await paste(lines);
    if (answer === expected || performance.now() > deadline) return answer;
    await sleep(50);
  }
}

for (const { page, stepsMin } of [
  { page: 'README.md', stepsMin: 20 },
  { page: 'contracts.md', stepsMin: 13 },
]) {
  describe(`the curl lines of ${page}, pasted from the top into a fresh mesh`, () => {
    it('give the answers that the page prints', async () => {
      const steps = await readSteps(page);
      // As make run-all starts it: the lines carry no service tokens.
      assert.ok(steps.length >= stepsMin, `only ${steps.length} blocks were found`);
      await using mesh = await startMesh({ ACCESS: 'open' });
      await using shell = openShell({ ...process.env, ...mesh.variables });
      for (const { lines, answer } of steps) {
        const here = atPortsOf(mesh, lines);
        const expected = masked(answer ?? '');
        const given = lines.includes('/history') ? await pasteUntil(shell, here, expected) : await shell.paste(here);
        if (answer !== undefined) assert.equal(given, expected, lines);
      }
    });
  });
}
