import { closeSync, mkdirSync, openSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';

/** An error as Postgres, pgbouncer (`FATAL @src/server.c:583 in function server_proto(): …`) and the dynamic linker write it. */
const COMPLAINT = /(?:\b(?:PANIC|FATAL|ERROR|error)(?: @.*?\(\))?|^postgres):\s*(.+?)\.?$/;

/** Starts a new log and keeps the previous one as `.1`, so that logs do not fill the disk over months. */
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

/** The last error in a program's log, for the sentence that reports its end. */
export function readLastComplaint(file: string): string | undefined {
  try {
    const lines = readFileSync(file, 'utf8').split('\n');
    return lines.findLast((line) => COMPLAINT.test(line))?.match(COMPLAINT)?.[1];
  } catch {
    return undefined;
  }
}
