import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { CliError, firstLine } from './cli-error.ts';
import { type Command, type CommandResult, textOf, type Values } from './command.ts';
import { diff } from './diff-command.ts';
import { docs, openapi, openrpc } from './document-commands.ts';
import { proto } from './proto-command.ts';

const COMMANDS: Readonly<Record<string, Command>> = { docs, openapi, openrpc, proto, diff };

const SHARED_OPTIONS = {
  export: { type: 'string' },
  out: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

export interface CliResult {
  /** 0; 1 where `diff` finds callers that break; 2 for input that cannot be used. */
  readonly exitCode: number;
  readonly output: string;
  readonly notes: string;
}

/** Runs one command line of `rpc-kit`. */
export async function runCli(args: readonly string[]): Promise<CliResult> {
  const [name = '--help', ...rest] = args;
  try {
    if (name === '--help' || name === '-h' || name === 'help') return { exitCode: 0, output: help(), notes: '' };
    if (!Object.hasOwn(COMMANDS, name)) {
      throw new CliError(`There is no command ${name}: use ${Object.keys(COMMANDS).join(', ')}, or --help.`);
    }
    const { exitCode = 0, output, notes = '' } = await runCommand(name, COMMANDS[name] as Command, rest);
    return { exitCode, output, notes };
  } catch (error) {
    // The form of a contract or document is checked no further than its methods, so that a command may fail on what is in them.
    const sentence =
      error instanceof CliError ? error.message : `rpc-kit ${name} cannot use this: ${firstLine(error)}.`;
    return { exitCode: 2, output: '', notes: `${sentence}\n` };
  }
}

async function runCommand(name: string, command: Command, args: readonly string[]): Promise<CommandResult> {
  const { values, positionals } = parse(name, command, args);
  if (values.help) return { output: helpOf(name, command) };
  if (positionals.length !== command.files) {
    throw new CliError(`Usage: rpc-kit ${name} ${command.usage} (rpc-kit ${name} --help lists the options).`);
  }
  const result = await command.run(positionals, values);
  const out = textOf(values, 'out');
  if (out === undefined) return result;
  await writeFile(out, result.output).catch((error) => {
    throw new CliError(`${out} cannot be written: ${firstLine(error)}.`);
  });
  return { ...result, output: '' };
}

function parse(name: string, { options }: Command, args: readonly string[]): { values: Values; positionals: string[] } {
  try {
    const parsed = parseArgs({ args: [...args], options: { ...SHARED_OPTIONS, ...options }, allowPositionals: true });
    return { values: parsed.values as Values, positionals: parsed.positionals };
  } catch (error) {
    const [sentence = ''] = firstLine(error).split('. ');
    throw new CliError(`${sentence.replace(/\.$/, '')} (rpc-kit ${name} --help lists the options).`);
  }
}

function help(): string {
  const lines = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(8)} ${summary}`);
  return `rpc-kit <command> <contract> [options]

${lines.join('\n')}

A contract is a module, TypeScript or JavaScript, that exports what defineService returns.
rpc-kit <command> --help lists the options of a command.
Exit codes: 0; 1 when diff finds a change that breaks callers; 2 for input that cannot be used.
`;
}

function helpOf(name: string, { usage, summary, details }: Command): string {
  const options = [
    '--export <name>   the export that is the contract; needed where a module exports several',
    '--out <file>      writes to this file in place of standard output',
    ...details,
  ];
  return `rpc-kit ${name} ${usage}\n\n${summary}\n\n${options.map((line) => `  ${line}`.trimEnd()).join('\n')}\n`;
}
