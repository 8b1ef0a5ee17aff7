import { Failure, runScript } from 'mesh';
import { runServiceProgram } from './run-service-program.ts';

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
  return runServiceProgram(SERVICE, 'dead-letters.ts', command, order, discard);
});
