import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { createFolder } from 'service-kit/create-folder';
import { Failure } from '../failure.ts';
import { PROJECT_DIRECTORY } from '../mesh-config.ts';

export const KAFKA_FILES = join(PROJECT_DIRECTORY, 'mesh/kafka');

const JAVA_MIN = 17;
const JAVA_TIMEOUT_MS = 20_000;
/** It downloads some 60 MB, once. */
const MAVEN_TIMEOUT_MS = 300_000;
/** Maven keeps the files of a failed attempt, so the next one downloads less. */
const MAVEN_ATTEMPTS_MAX = 3;

/** Why no broker can be started here, as a sentence that says what to do; undefined where one can be. */
export async function missingForKafka(): Promise<string | undefined> {
  const version = await javaVersion();
  const remedy = 'install it, or set KAFKA_BROKERS to a Kafka that runs elsewhere.';
  if (version === undefined) return `Kafka needs Java ${JAVA_MIN} or newer, and java is not in PATH: ${remedy}`;
  if (version < JAVA_MIN) return `Kafka needs Java ${JAVA_MIN} or newer, and java is version ${version}: ${remedy}`;
  if (existsSync(jarsFolder()) || (await canRun('mvn', '--version'))) return undefined;
  return `Maven downloads Kafka, and mvn is not in PATH: ${remedy}`;
}

/** The folder of Kafka's jars, which Maven downloads the first time. */
export async function provideKafkaJars(onProgress: (text: string) => void): Promise<string> {
  const missing = await missingForKafka();
  if (missing !== undefined) throw new Failure(missing);
  const folder = jarsFolder();
  if (existsSync(folder)) return folder;
  onProgress(`downloading Kafka ${kafkaVersion()} with Maven, once; this takes about a minute`);
  const unfinished = createUnfinishedFolder();
  try {
    await fetchJars(unfinished);
    moveUnlessThere(unfinished, folder);
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
  return folder;
}

function createUnfinishedFolder(): string {
  try {
    createFolder(cacheFolder());
    return mkdtempSync(join(cacheFolder(), 'unfinished-'));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Failure(
      `Kafka's files cannot be stored in ${cacheFolder()} (${code}): set XDG_CACHE_HOME to a folder that can be written.`,
    );
  }
}

/** Two runs may have downloaded it at once; the first folder stays. */
function moveUnlessThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (!existsSync(to)) throw error;
  }
}

async function fetchJars(folder: string): Promise<void> {
  let complaint = '';
  for (let attempt = 1; attempt <= MAVEN_ATTEMPTS_MAX; attempt += 1) {
    const failed = await runMaven(folder);
    if (failed === undefined) return;
    complaint = failed;
  }
  throw new Failure(
    `Maven could not download Kafka (${complaint.slice(0, 200)}): check the network and try again, or set KAFKA_BROKERS to a Kafka that runs elsewhere.`,
  );
}

/** @returns Maven's error; undefined on success */
async function runMaven(folder: string): Promise<string | undefined> {
  const goal = ['dependency:copy-dependencies', `-DoutputDirectory=${folder}`, '-DincludeScope=runtime'];
  const maven = spawn('mvn', ['-B', '-q', '-f', join(KAFKA_FILES, 'pom.xml'), ...goal], {
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: MAVEN_TIMEOUT_MS,
  });
  const [output, [code, signal]] = await Promise.all([text(maven.stdout), once(maven, 'exit')]);
  if (code === 0) return undefined;
  const nothing = signal === null ? 'it printed no error' : `it took longer than ${MAVEN_TIMEOUT_MS / 1000} s`;
  return output.split('\n').find((line) => line.includes('ERROR')) ?? nothing;
}

function jarsFolder(): string {
  return join(cacheFolder(), `kafka-${kafkaVersion()}`);
}

/** Outside of the project, so that a second clone, or a run after `make clean-data`, need not download it again. */
function cacheFolder(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'order-mesh');
}

function kafkaVersion(): string {
  const pom = readFileSync(join(KAFKA_FILES, 'pom.xml'), 'utf8');
  return pom.match(/<kafka\.version>(.+?)</)?.[1] ?? '';
}

async function javaVersion(): Promise<number | undefined> {
  try {
    // Java prints it on stderr.
    const { stderr } = await promisify(execFile)('java', ['-version'], { timeout: JAVA_TIMEOUT_MS });
    return Number(stderr.match(/version "(\d+)/)?.[1] ?? 0);
  } catch {
    return undefined;
  }
}

async function canRun(command: string, ...words: string[]): Promise<boolean> {
  return promisify(execFile)(command, words, { timeout: JAVA_TIMEOUT_MS }).then(
    () => true,
    () => false,
  );
}
