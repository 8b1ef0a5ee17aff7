/** The other end of `process.ts`: answers what the benchmark asks of one of its processes. */
export type Asked = Readonly<Record<string, (argument: never) => unknown>>;

export interface Question {
  readonly id: number;
  readonly what: string;
  readonly argument: unknown;
}

export interface Reply {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

export function answerTo(asked: Asked): void {
  const send = (reply: Reply): void => {
    process.send?.(reply);
  };
  process.on('message', async ({ id, what, argument }: Question) => {
    try {
      send({ id, value: await asked[what]?.(argument as never) });
    } catch (error) {
      send({ id, error: error instanceof Error ? error.message : String(error) });
    }
  });
  // The benchmark is over, or gone.
  process.on('disconnect', () => process.exit());
}
