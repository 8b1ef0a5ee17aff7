import type { Route } from '../route.ts';
import { PREFIX } from '../routes/index.ts';

/** The methods that an address has, with HEAD for GET; empty for an address that does not exist. */
export type AllowedMethods = (path: string) => readonly string[];

export function createAllowedMethods(rows: readonly Route[], pages: readonly string[]): AllowedMethods {
  const patterns = new Map<string, { readonly pattern: RegExp; readonly methods: Set<string> }>();
  for (const { method, path } of rows) {
    const pattern = new RegExp(`^${PREFIX}${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`);
    const known = patterns.get(path) ?? { pattern, methods: new Set<string>() };
    known.methods.add(method);
    if (method === 'GET') known.methods.add('HEAD');
    patterns.set(path, known);
  }
  return (path) => {
    if (pages.includes(path)) return ['GET', 'HEAD'];
    const found = [...patterns.values()].find(({ pattern }) => pattern.test(path));
    return found ? [...found.methods] : [];
  };
}
