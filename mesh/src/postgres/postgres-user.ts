import { execFileSync, spawnSync } from 'node:child_process';
import { Failure } from '../failure.ts';

/**
 * Postgres and pgbouncer refuse to run as root. Where root called make, both run as the system user `postgres`, and so does
 * their supervisor.
 */
export type PostgresUser = {
  /** Unset: Postgres runs as the user who called make. */
  ids?: { uid: number; gid: number };
  /** How the machine was changed for it, for the terminal. */
  change?: string;
};

/** A program, its arguments, and the user it runs as. */
export type Launch = { command: string; arguments: string[]; ids?: { uid: number; gid: number } };

const USER = 'postgres';
const CHECK_TIMEOUT_MS = 5_000;

export function findPostgresUser(): PostgresUser {
  if (process.getuid?.() !== 0) return {};
  const known = lookUpIds();
  if (known !== undefined) return { ids: known };
  try {
    execFileSync('useradd', ['--system', '--user-group', '--no-create-home', '--shell', '/usr/sbin/nologin', USER], {
      stdio: 'ignore',
      timeout: CHECK_TIMEOUT_MS,
    });
  } catch {
    throw new Failure(
      `Postgres refuses to run as root and the system user ${USER} could not be added: call make as an ordinary user.`,
    );
  }
  const ids = lookUpIds();
  if (ids === undefined) throw new Failure(`The system user ${USER} was added but cannot be found: call make again.`);
  return { ids, change: `Postgres refuses to run as root, so the system user ${USER} was added for it.` };
}

/**
 * How to start a program as that user. Only root may enter the folder of some clones (`mktemp -d`, /root): there the user needs
 * CAP_DAC_OVERRIDE, which initdb's `access()` heeds only with no_setuid_fixup set (capabilities(7), access(2)).
 */
export function launchAs(
  user: PostgresUser,
  launch: Launch,
  needed: { executable: string[]; readable: string[] },
): Launch {
  const { ids } = user;
  if (ids === undefined) return launch;
  const plainly: LaunchAs = (inner) => ({ ...inner, ids });
  const withCapability: LaunchAs = (inner) => ({
    command: 'setpriv',
    arguments: [
      ...['--reuid', String(ids.uid), '--regid', String(ids.gid), '--clear-groups'],
      ...['--inh-caps', '+dac_override', '--ambient-caps', '+dac_override', '--securebits', '+no_setuid_fixup'],
      ...['--', inner.command, ...inner.arguments],
    ],
  });
  const way = [plainly, withCapability].find((as) => canReach(as, needed));
  if (way !== undefined) return way(launch);
  throw new Failure(
    `Postgres runs as the user ${USER}, who may not enter the folders above ${needed.readable[0]}: move the clone, or allow it with chmod o+x on each of them.`,
  );
}

type LaunchAs = (launch: Launch) => Launch;

/** Tries it in a process: mode bits are not enough where access lists or security modules decide, too. */
function canReach(as: LaunchAs, needed: { executable: string[]; readable: string[] }): boolean {
  const {
    command,
    arguments: words,
    ids,
  } = as({
    command: '/bin/sh',
    // Each path is an argument, so that the shell interprets no blank or quote in it.
    arguments: [
      '-c',
      'while [ $# -gt 0 ]; do test "$1" "$2" || exit 1; shift 2; done',
      'sh',
      ...needed.executable.flatMap((path) => ['-x', path]),
      ...needed.readable.flatMap((path) => ['-r', path]),
    ],
  });
  return spawnSync(command, words, { ...ids, cwd: '/', stdio: 'ignore', timeout: CHECK_TIMEOUT_MS }).status === 0;
}

function lookUpIds(): { uid: number; gid: number } | undefined {
  const ask = (flag: string) =>
    Number(execFileSync('id', [flag, USER], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
  try {
    return { uid: ask('-u'), gid: ask('-g') };
  } catch {
    return undefined;
  }
}
