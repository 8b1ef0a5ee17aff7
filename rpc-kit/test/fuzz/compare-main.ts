import { parseArgs } from 'node:util';
import { checkOutEarlier, MissingCommit } from 'benchmarks/earlier-build';
import { compareBuilds } from './compare.ts';
import { readSeed, readWhole } from './options.ts';

/** `npm run fuzz:compare -w rpc-kit -- --before HEAD~1 --conversations 20000 --seed 7` */
const { values } = parseArgs({
  options: {
    before: { type: 'string' },
    conversations: { type: 'string', default: '10000' },
    seed: { type: 'string' },
  },
});

/** Answers must be those of this commit. When they change on purpose, name the commit that changes them. */
const BEFORE = '918815648b590648253dadec770ae269f51ceb40';
const TIME_MS_MAX = 120_000;
/** One fault makes many differences. */
const SHOWN_MAX = 5;
/** Characters of each of their texts. */
const SHOWN_LENGTH = 1_000;

const seed = readSeed(values.seed);
const conversations = readWhole('conversations', values.conversations, { min: 1, max: 1e9 });
const asked = values.before || undefined;
const build = await checkOutEarlier(asked ?? BEFORE).catch((error: unknown) => {
  if (!(error instanceof MissingCommit)) throw error;
  console.error(`rpc-kit's answers were NOT compared with those of an earlier commit. ${error.message}`);
  // A shallow clone or an archive is no fault, unless the commit was asked for.
  process.exit(asked === undefined ? 0 : 1);
});
await using _build = build;
console.log(`seed ${seed}: the server of now against that of ${build.commit}`);
const { compared, byStatus, differences } = await compareBuilds({
  before: new URL('rpc-kit/test/fuzz/server.ts', build.folder),
  conversations,
  seed,
  timeMsMax: TIME_MS_MAX,
  onProgress: (count) => console.log(`${count} conversations`),
});
const statuses = [...byStatus].toSorted().map(([status, count]) => `${status}: ${count}`);
console.log(`seed ${seed}: ${compared} conversations; answers ${statuses.join(', ')}`);
for (const { index, sent, before, now } of differences.slice(0, SHOWN_MAX)) {
  console.error(`--- conversation ${index} of seed ${seed} is answered otherwise`);
  console.error(`sent:   ${JSON.stringify(sent.slice(0, SHOWN_LENGTH))}`);
  console.error(`before: ${JSON.stringify(before.slice(0, SHOWN_LENGTH))}`);
  console.error(`now:    ${JSON.stringify(now.slice(0, SHOWN_LENGTH))}`);
}
console.log(differences.length === 0 ? 'All answers are the same.' : `${differences.length} conversations differ.`);
process.exitCode = differences.length === 0 ? 0 : 1;
