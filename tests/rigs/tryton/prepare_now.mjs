// Makes the plant's database now, for those who want to wait for it beforehand; prints where it lies.

import { prepareDatabase } from './prepare.mjs';

process.stdout.write(`${await prepareDatabase()}\n`);
