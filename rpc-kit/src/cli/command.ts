import type { ParseArgsOptionsConfig } from 'node:util';

export type Values = Readonly<Record<string, string | boolean | undefined>>;

export interface CommandResult {
  /** For standard output, or the file of `--out`. */
  readonly output: string;
  /** For standard error. */
  readonly notes?: string;
  readonly exitCode?: number;
}

/** One command of `rpc-kit`. */
export interface Command {
  /** `<contract> [options]` */
  readonly usage: string;
  readonly summary: string;
  /** The number of files that it reads. */
  readonly files: number;
  /** Lines of the help. */
  readonly details: readonly string[];
  readonly options: ParseArgsOptionsConfig;
  run(files: readonly string[], values: Values): Promise<CommandResult>;
}

export function textOf(values: Values, option: string): string | undefined {
  const value = values[option];
  return typeof value === 'string' ? value : undefined;
}
