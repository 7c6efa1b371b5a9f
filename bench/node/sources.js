// Where to listen and whom to ask: a filled configs/composition-node.json, the first argument.
import { readFileSync } from 'node:fs';

export const { port, users, orders, notifications } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
