#!/usr/bin/env node
import { firstLine } from './cli-error.ts';
import { runCli } from './run-cli.ts';

// What the module of a contract prints must not get into the document.
const write = process.stdout.write.bind(process.stdout);
process.stdout.write = process.stderr.write.bind(process.stderr);

// It may end the process, and its promises and timers may fail outside of its loading. Neither may look like a verdict of `diff`.
const refuseExit = (): void => {
  process.stderr.write('The module of the contract ended the process: a contract must only declare.\n');
  process.exitCode = 2;
};
process.once('exit', refuseExit);
process.on('uncaughtException', (error) => {
  process.off('exit', refuseExit);
  process.stderr.write(`The module of the contract failed in the background: ${firstLine(error)}.\n`);
  process.exit(2);
});

const { exitCode, output, notes } = await runCli(process.argv.slice(2));
process.off('exit', refuseExit);
process.stderr.write(notes);
// The reader of a pipe may leave early, as `head` does.
process.stdout.on('error', () => process.exit(exitCode));
// Ends the process even when the contract's module keeps it alive, e.g. by a timer.
write(output, () => process.exit(exitCode));
