import { accessSync, constants } from 'node:fs';
import { parseUrl } from 'rpc-kit/urls';

/** Each supported option with its values, or a check. Others, such as statement_timeout, are set at the role. */
const OPTIONS: Record<string, readonly string[] | ((value: string) => void)> = {
  sslmode: ['disable', 'no-verify', 'prefer', 'require', 'verify-ca', 'verify-full'],
  // The driver reads every other word as true, even "false".
  ssl: ['true', '1', '0', 'no-verify'],
  sslrootcert: refuseUnreadable,
  sslcert: refuseUnreadable,
  sslkey: refuseUnreadable,
  sslnegotiation: ['postgres', 'direct'],
  uselibpqcompat: ['true', 'false'],
  application_name: refuseBlank,
  // The folder of a Unix socket; it overrides the host of the URL.
  host: refuseBlank,
};
const EXAMPLE = 'postgres://user:password@host:5432/database';

/**
 * Refuses URLs that the driver would complete from elsewhere, misread, or quote with their password in its errors.
 * @throws {TypeError} whose message continues the name of the variable and holds no secret
 */
export function parseDatabaseUrl(text: string): string {
  const url = parseUrl(text, /^postgres(ql)?:$/, EXAMPLE);
  const { username, pathname, searchParams } = url;
  if (username === '') throw new TypeError(`it names no user: it has to be a URL like ${EXAMPLE}`);
  if (pathname.length < 2) throw new TypeError(`it names no database: it has to be a URL like ${EXAMPLE}`);
  if (!isDecodable(pathname)) throw new TypeError('a % in the name of its database has to be written as %25');
  // A NUL ends a word of Postgres's protocol, and decodes here from %00.
  if (CONTROL.test(decodeURIComponent(username + pathname + url.password)) || CONTROL.test([...searchParams].join())) {
    throw new TypeError('it holds a control character, such as %00: leave it out');
  }
  for (const [name, value] of searchParams) {
    if (searchParams.getAll(name).length > 1)
      throw new TypeError(`its option ${JSON.stringify(name)} stands there twice`);
    refuseUnsupported(name, value);
  }
  if (searchParams.has('ssl') && searchParams.has('sslmode')) {
    throw new TypeError('its options ssl and sslmode may contradict each other: leave out ssl');
  }
  return text;
}

const CONTROL = /\p{Cc}/u;

function refuseUnsupported(name: string, value: string): void {
  const values = Object.hasOwn(OPTIONS, name) ? OPTIONS[name] : undefined;
  if (values === undefined) {
    const all = Object.keys(OPTIONS).join(', ');
    throw new TypeError(`its option ${JSON.stringify(name)} is not supported: leave it out; supported are ${all}`);
  }
  if (typeof values === 'function') values(value);
  else if (!values.includes(value)) throw new TypeError(`its option ${name} has to be one of ${values.join(', ')}`);
}

function refuseBlank(value: string): void {
  if (value.trim() === '') throw new TypeError('an option of it is blank: leave it out');
}

function refuseUnreadable(file: string): void {
  try {
    accessSync(file, constants.R_OK);
  } catch (error) {
    throw new TypeError(`its file ${file} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}

function isDecodable(part: string): boolean {
  try {
    decodeURIComponent(part);
    return true;
  } catch {
    return false;
  }
}
