import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateServiceKey, type JWK, publicHalf } from 'service-kit/identity';

type Write = (path: string, lines: readonly string[]) => void;

/**
 * Writes each service's private key into its own volume, and the public keys of all into every one of them.
 * @param renew creates new keys. The trust file keeps the previous ones, so that calls between new and old containers succeed.
 */
export async function writeIdentities(
  folders: ReadonlyMap<string, string>,
  renew: boolean,
  write: Write,
): Promise<void> {
  const trust: Record<string, { keys: JWK[] }> = {};
  for (const [name, folder] of folders) {
    const file = join(folder, 'identity.json');
    const earlier: JWK | undefined = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
    const current = earlier && !renew ? earlier : (await generateServiceKey()).privateJwk;
    if (current !== earlier) write(file, [JSON.stringify(current)]);
    const others = trustedKeys(folder, name).filter(({ kid }) => kid !== current.kid);
    trust[name] = { keys: [publicHalf(current), ...others.slice(0, 1)] };
  }
  for (const folder of folders.values()) write(join(folder, 'trust.json'), [JSON.stringify(trust)]);
}

function trustedKeys(folder: string, name: string): JWK[] {
  const file = join(folder, 'trust.json');
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8'))[name]?.keys ?? []) : [];
}
