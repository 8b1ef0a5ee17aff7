import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Failure, findRunningMesh, PROJECT_DIRECTORY, runScript } from 'mesh';

/** `make dead-letters` and `make replay`, on the running mesh. */
const SERVICE = 'notifications';
const INT64 = /^-?\d{1,19}$/;

await runScript(async () => {
  const command = process.argv[2] ?? 'list';
  const { SERVICE: service = '', ORDER: order = '', DISCARD: discard = '' } = process.env;
  if (service !== '' && service !== SERVICE) {
    throw new Failure(`Only ${SERVICE} has dead letters: leave SERVICE out, or set it to ${SERVICE}.`);
  }
  if (order !== '' && !(INT64.test(order) && BigInt.asIntN(64, BigInt(order)) === BigInt(order)))
    throw new Failure(`ORDER is "${order}", but has to be the id of an order.`);
  if (discard !== '' && !/^\d+:\d+$/.test(discard)) {
    throw new Failure(`DISCARD is "${discard}", but has to be <partition>:<offset> of a line of make dead-letters.`);
  }
  const { databaseUrls, sinks } = findRunningMesh(process.env);
  const child = spawn(
    process.execPath,
    [join(PROJECT_DIRECTORY, SERVICE, 'src/dead-letters.ts'), command, order, discard],
    {
      cwd: PROJECT_DIRECTORY,
      // A replayed event is delivered to the mesh's own journal and webhook.
      env: { ...process.env, ...sinks, DATABASE_URL: databaseUrls[SERVICE] },
      stdio: ['ignore', 'inherit', 'inherit'],
    },
  );
  const [code] = await once(child, 'exit');
  return code ?? 1;
});
