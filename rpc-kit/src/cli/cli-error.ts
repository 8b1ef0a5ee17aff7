import { inspect } from 'node:util';
import { z } from 'zod';

/** What a user of the command line can correct; its message is one sentence or two for them. */
export class CliError extends Error {}

/** The first line of a message, without its full stop: later ones show code. A module may throw anything. */
export function firstLine(error: unknown): string {
  const thrown = error instanceof Error ? error.message : error;
  const lines = (typeof thrown === 'string' ? thrown : inspect(thrown)).split('\n');
  return (lines.find((line) => line.trim() !== '') ?? 'an error without a message').trim().replace(/\.$/, '');
}

/** Why a file does not have the form that it should have. */
export function reasonOf(error: unknown): string {
  return error instanceof z.ZodError ? z.prettifyError(error).replaceAll(/\s*\n\s*/g, ' ') : firstLine(error);
}
