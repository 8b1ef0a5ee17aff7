import { execFileSync, spawnSync } from 'node:child_process';
import { Failure } from '../failure.ts';

/**
 * Postgres and pgbouncer refuse to run as root. Where make was called by root, both run as the system user `postgres`,
 * and so does the keeper that starts them.
 */
export type PostgresUser = {
  /** undefined: Postgres runs as the user who called make. */
  ids?: { uid: number; gid: number };
  /** What happened to the machine for it, in words for the terminal. */
  note?: string;
};

/** A program's name and arguments, as the given user is to start it. */
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
  return { ids, note: `Postgres refuses to run as root, so the system user ${USER} was added for it.` };
}

/**
 * How the keeper is started as that user. A clone may lie where only root may enter (`mktemp -d`, /root): there the
 * user needs CAP_DAC_OVERRIDE to reach binaries and data. `access()` heeds that capability only with no_setuid_fixup
 * set, and initdb asks `access()` for the server binary (see capabilities(7) and access(2)).
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

/** Tries it for real: mode bits alone say nothing where access lists or security modules have a word too. */
function canReach(as: LaunchAs, needed: { executable: string[]; readable: string[] }): boolean {
  const {
    command,
    arguments: words,
    ids,
  } = as({
    command: '/bin/sh',
    // Each path is an argument of its own, so that no blank or quote in it means anything to the shell.
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
