import { assertInvariants as assertRules, type Query } from 'invariants';

/** Tests leave events undelivered and put goods on sale late, which breaks the rules for what has come to rest. */
const KEPT_BY_EVERY_TEST = ['S1', 'S2', 'S3', 'O1', 'O4', 'E1', 'E3', 'A5'];

/** For the end of a test: what must hold in loms's database whenever nothing is under way. */
export async function assertInvariants(query: Query): Promise<void> {
  await assertRules({ loms: query }, { only: KEPT_BY_EVERY_TEST });
}
