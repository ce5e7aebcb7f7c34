// The operations of the system APIs whose records systems of the plants keep, as their contracts say.

import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const METHODS = ['get', 'put', 'post', 'delete', 'patch'];

// A package of the OData rig.
const { parse } = createRequire(join(ROOT, 'tests/rigs/odata/package.json'))('yaml');

export const readYaml = (path) => parse(readFileSync(join(ROOT, path), 'utf8'));

function operationOf(api, path, method, item) {
  const parameters = (item[method].parameters ?? []).concat(item.parameters ?? []).map(({ $ref, name }) => name ?? $ref.split('/').at(-1));
  return {
    api, path, method: method.toUpperCase(), name: item[method].operationId, isWrite: method !== 'get',
    isList: parameters.includes('PlantOrAll'), takesEtag: parameters.includes('IfMatch'), hasBody: item[method].requestBody !== undefined,
    statuses: Object.keys(item[method].responses).map(Number),
  };
}

function operationsOf(file) {
  const { paths, 'x-millgate': { landscape } } = readYaml(`openapi/${file}`);
  if (!landscape) return []; // kept by nobody's ERP
  const api = /^system-(.*)\.v1\.yaml$/.exec(file)[1];
  return Object.entries(paths).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]).map((method) => operationOf(api, path, method, item)));
}

/** [{api, name, method, path, isWrite, isList, takesEtag, hasBody, statuses}]; a name is unique within its API. */
export function systemOperations() {
  return readdirSync(join(ROOT, 'openapi')).filter((file) => /^system-(?!sandbox).*\.yaml$/.test(file)).flatMap(operationsOf);
}
