import { measureSizes, sizeRow } from './sizes.ts';

/** Prints the sizes of bundles for browsers, as rows of the table in rpc-kit's README. */
for (const row of await measureSizes()) console.log(sizeRow(row));
