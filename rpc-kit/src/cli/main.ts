#!/usr/bin/env node
import { runCli } from './run-cli.ts';

const { exitCode, output, notes } = await runCli(process.argv.slice(2));
process.stderr.write(notes);
// The reader of a pipe may leave early, as `head` does.
process.stdout.on('error', () => process.exit(exitCode));
// Ends the process even when the contract's module keeps it alive, e.g. by a timer.
process.stdout.write(output, () => process.exit(exitCode));
