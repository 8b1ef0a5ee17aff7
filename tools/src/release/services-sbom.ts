import { writeFileSync } from 'node:fs';
import { writeSbomOfServices } from './package.ts';

/** Writes the list of the packages that an image of the services has to the given file; .ci/supply-chain keeps it. */
const [file] = process.argv.slice(2);
if (file === undefined) throw new Error('Name the file for the list of packages.');
writeFileSync(file, writeSbomOfServices());
