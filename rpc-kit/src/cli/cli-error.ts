/** What a user of the command line can correct; its message is one sentence or two for them. */
export class CliError extends Error {}

/** The first line of a message: later ones show code. */
export function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return (text.split('\n').find((line) => line.trim() !== '') ?? 'an error without a message').trim();
}
