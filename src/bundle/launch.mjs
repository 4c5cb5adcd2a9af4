#!/usr/bin/env node
// Runs the joined program (dist/chunks/entry.cjs); the build puts this file at dist/cli.js. Each chunk is compiled with
// the code cache that V8 wrote for it when the program was built: its functions need no second compilation. V8 itself
// refuses a cache of another version, of other flags or of a text of another length; the chunk is then compiled anew.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import vm from 'node:vm';

const folder = fileURLToPath(new URL('./chunks/', import.meta.url));
const requirePackage = createRequire(folder);
const loaded = new Map();

/** The exports of a chunk by its file name. Throws if the installation is incomplete. */
function load(name) {
  const known = loaded.get(name);
  if (known !== undefined) return known.exports;
  const chunk = { exports: {} };
  loaded.set(name, chunk);
  const filename = folder + name;
  // On the first line: the lines of messages stay those of the file.
  const script = new vm.Script(
    `(function (exports, require, module, __filename, __dirname) {${readFileSync(filename, 'utf8')}\n})`,
    { filename, cachedData: readCache(`${filename}.cache`) },
  );
  script.runInThisContext()(chunk.exports, requireFrom, chunk, filename, folder);
  return chunk.exports;
}

const requireFrom = (id) => (id.startsWith('./') ? load(id.slice(2)) : requirePackage(id));

function readCache(path) {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

await load('entry.cjs').ended;
