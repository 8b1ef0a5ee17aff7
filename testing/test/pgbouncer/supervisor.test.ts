import assert from 'node:assert/strict';
import { pickFreePorts, waitForPort } from 'mesh';
import { findPostgresUser, preparePgbouncer, superviseDatabase } from 'mesh/postgres';
import { openLogFile } from 'mesh/supervisor';
import { eventually } from '../../src/patience.ts';
import { createPart, readTestFolder } from '../../src/test-folder.ts';
import { findTestPgbouncer } from '../../src/test-server.ts';

const HOST = '127.0.0.1';
/** A limit against hanging: it listens within milliseconds. */
const LISTEN_TIMEOUT_MS = 20_000;

describe('The supervisor', () => {
  it('restarts a pgbouncer that ends by itself, reports it, and still stops it in the end', async () => {
    const program = findTestPgbouncer();
    assert.ok(program, 'without pgbouncer testing/src/run/test.ts leaves this file out');
    const [port = 0, postgresPort = 0] = await pickFreePorts(2);
    const paths = createPart(readTestFolder(), 'supervisor');
    const user = findPostgresUser();
    const options = {
      name: 'loms',
      like: 'loms' as const,
      database: 'loms',
      port,
      postgresPort,
      users: { loms: 'none' },
    };
    const pgbouncer = preparePgbouncer(program, paths.pgbouncer, options, user);
    const pids: number[] = [];
    const said: string[] = [];
    const supervision = superviseDatabase({
      pgbouncers: [pgbouncer],
      user,
      logFile: openLogFile(paths.logs, 'database'),
      onSpawn: (name, pid) => void (name === pgbouncer.name && pids.push(pid)),
      onProgress: (text) => said.push(text),
    });
    try {
      await supervision.start();
      for (const restarts of [1, 2]) {
        process.kill(pids.at(-1) as number, 'SIGKILL');
        await eventually('it is restarted', () => pids.length === restarts + 1);
        assert.ok(await waitForPort(HOST, port, LISTEN_TIMEOUT_MS));
        assert.match(said.at(-1) ?? '', /^\S*loms stopped by itself \(SIGKILL\) and is started again$/);
      }
    } finally {
      await supervision.stop();
    }
    await eventually('it is stopped', async () => !(await waitForPort(HOST, port, 0)));
  });
});
