import { Failure, findRunningMesh, IDENTITIES, isServiceName, loadCaller, runScript, type ServiceName } from 'mesh';
import { describeWrong } from 'rpc-kit/urls';
import { describeWhole, parseWhole } from 'rpc-kit/whole-number';
import { TOKEN_SECONDS, TOKEN_SECONDS_MAX } from 'service-kit/identity';

/** `make token CALLER=gateway SERVICE=loms`: prints the header by which the caller proves itself to a service of the running mesh. */
const EXAMPLE = 'make token CALLER=gateway SERVICE=loms';
const SECONDS = { min: 1, max: TOKEN_SECONDS_MAX };

function readName(variable: 'CALLER' | 'SERVICE'): ServiceName {
  const name = process.env[variable] ?? '';
  if (isServiceName(name)) return name;
  throw new Failure(`${variable} ${describeWrong(name, `one of ${IDENTITIES.join(', ')}`)}: ${EXAMPLE}.`);
}

function readSeconds(text = process.env.SECONDS || String(TOKEN_SECONDS)): number {
  const seconds = parseWhole(text, SECONDS);
  if (seconds === undefined) throw new Failure(`SECONDS ${describeWrong(text, describeWhole(SECONDS))}.`);
  return seconds;
}

await runScript(async () => {
  const [caller, service, seconds] = [readName('CALLER'), readName('SERVICE'), readSeconds()];
  const { paths } = findRunningMesh(process.env);
  const token = await loadCaller(paths, caller).tokenFor(service, seconds);
  console.log(`authorization: Bearer ${token}`);
  return 0;
});
