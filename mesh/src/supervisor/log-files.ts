import { closeSync, mkdirSync, openSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';

/** As Postgres, pgbouncer (`FATAL @src/server.c:583 in function server_proto(): …`) and the loader of programs write them. */
const COMPLAINT = /(?:\b(?:PANIC|FATAL|ERROR|error)(?: @.*?\(\))?|^postgres):\s*(.+?)\.?$/;

/** A new log for each run, with the one before kept as `.1`: what runs for months here does not fill the disk. */
export function openLogFile(directory: string, name: string): string {
  mkdirSync(directory, { recursive: true });
  const file = join(directory, `${name}.log`);
  try {
    renameSync(file, `${file}.1`);
  } catch {
    // The first run has no earlier log.
  }
  closeSync(openSync(file, 'w'));
  return file;
}

/** What a program said went wrong last, for the sentence that reports its end. */
export function readLastComplaint(file: string): string | undefined {
  try {
    const lines = readFileSync(file, 'utf8').split('\n');
    return lines.findLast((line) => COMPLAINT.test(line))?.match(COMPLAINT)?.[1];
  } catch {
    return undefined;
  }
}
