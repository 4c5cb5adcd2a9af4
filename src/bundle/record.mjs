// Preloaded into a run of the joined program (`node --import`): when the run ends, writes the code that V8 has compiled
// of each chunk next to it, for launch.mjs.
import { renameSync, writeFileSync } from 'node:fs';
import vm from 'node:vm';

const scripts = [];

vm.Script = class extends vm.Script {
  constructor(text, options) {
    super(text, options);
    scripts.push({ path: `${options.filename}.cache`, script: this });
  }
};

process.on('exit', () => {
  for (const { path, script } of scripts) {
    writeFileSync(`${path}.new`, script.createCachedData());
    renameSync(`${path}.new`, path);
  }
});
