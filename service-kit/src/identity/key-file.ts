import type { z } from 'zod';
import { ConfigError } from '../config.ts';

/** Parses a file of keys. The text may hold a private key, so no message quotes it. */
export function parseKeyFile<S, T>(variable: string, text: string, schema: z.ZodType<S>, read: (value: S) => T): T {
  const parsed = schema.safeParse(parseJson(variable, text));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new ConfigError(
      `${variable} is wrong: ${[issue?.path.join('.'), issue?.message].filter(Boolean).join(': ')}`,
    );
  }
  try {
    return read(parsed.data);
  } catch (error) {
    throw error instanceof ConfigError ? error : new ConfigError(`${variable} is wrong: a key is no point of Ed25519`);
  }
}

function parseJson(variable: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ConfigError(`${variable} is wrong: it is not JSON`);
  }
}
