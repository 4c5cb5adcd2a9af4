// Compiles our rules to WebAssembly with OPA: kata/rules/NAME.rego -> kata/NAME.wasm, aci/rules/*.rego -> aci/framework.wasm,
// and beside each NAME.wasm.json which says what it was made of. Run by `npm run build-policies`, for all rules or those
// named behind `--`; with `--check` nothing is written, and the status tells whether the files are what would be written
// (0), differ (1) or cannot be built here (2). Same rules and same OPA, same bytes.
//
// The policy is data of the module (data.podseal.policy_data), so that one module serves every policy with these rules.
// Calls of these functions are changed on the way, which no line of the rules has to know about:
//   regex.*   go out to JavaScript (src/io/rego-builtins.ts). The cache of patterns inside OPA's modules frees the pattern
//             in use once an evaluation has seen more than 100, and cuts patterns at a NUL.
//   print     gets its line number in front, as the engine of the kata agent prints it.
// Nothing is optimised (-O): partial evaluation takes data that is not there yet for data that is not there at all.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';

const OPA_VERSION = '1.22.2';
const OPA_MODULE = `github.com/open-policy-agent/opa@v${OPA_VERSION}`;
const FORMAT = 'podseal.rules-wasm/v1';
const STATUS = { differs: 1, cannot: 2 };

const here = dirname(fileURLToPath(import.meta.url));
const rulesFolder = join(here, 'kata/rules');
const outFolder = join(here, 'kata');
const frameworkRules = join(here, 'aci/rules');
const frameworkFolder = join(here, 'aci');
const FRAMEWORK = 'framework';
/** Where an OPA that this script built itself is kept; npm clears it away. */
const ownOpa = join(here, `../node_modules/.podseal/opa-${OPA_VERSION}`);

const DATA_MODULE = 'package agent_policy\n\npolicy_data := data.podseal.policy_data\n';
/** What policies take from the framework beside the answers of its enforcement points. */
const FRAMEWORK_VALUES = ['reason', 'errors', 'error_objects', 'candidate_containers'];
/** Functions that are called outside of the module, there named with the prefix. */
const OUTSIDE = ['regex.match', 'regex.find_all_string_submatch_n'];
const PREFIX = 'podseal.';

const args = process.argv.slice(2);
const isCheck = args.includes('--check');
const named = args.filter((arg) => arg !== '--check');
const work = mkdtempSync(join(tmpdir(), 'podseal-policies-'));
try {
  main();
} finally {
  rmSync(work, { recursive: true, force: true });
}

function main() {
  const opa = findOpa();
  const all = [...regoFiles(rulesFolder).map((file) => basename(file, '.rego')), FRAMEWORK];
  const names = named.length > 0 ? named : all;
  const files = names.flatMap((name) =>
    name === FRAMEWORK ? buildFramework(opa) : buildRules(opa, name),
  );
  const stale = files.filter(({ path, content }) => !isThere(path, content));
  for (const { path, content } of stale) {
    if (!isCheck) writeFileSync(path, content);
    say(`${isCheck ? 'differs: ' : 'wrote '}${path} (${content.length} bytes)`);
  }
  if (stale.length === 0) say(`all built files are up to date (${names.join(', ')})`);
  if (isCheck && stale.length > 0) process.exitCode = STATUS.differs;
}

function isThere(path, content) {
  return existsSync(path) && readFileSync(path).equals(content);
}

function regoFiles(folder) {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.rego'))
    .sort();
}

/** Both files of one rules file. */
function buildRules(opa, name) {
  const source = readFileSync(join(rulesFolder, `${name}.rego`));
  const entrypoints = [...source.toString().matchAll(/^default (\w+) :=/gm)].map(([, query]) => query);
  const modules = { [name]: prepare(name, source.toString()), data: DATA_MODULE };
  const wasm = compileRules(opa, { modules, root: 'agent_policy', entrypoints });
  const rules = { file: `rules/${name}.rego`, sha256: sha256(source) };
  return builtFiles(outFolder, { name, rules, wasm, entrypoints });
}

/** Both files of the framework. Its digest is that of all its rules files, one behind the other in order of their names. */
function buildFramework(opa) {
  const names = regoFiles(frameworkRules);
  const sources = names.map((file) => readFileSync(join(frameworkRules, file), 'utf8'));
  const points = sources.flatMap((text) => [
    ...text.matchAll(/^(?:default )?(\w+) := \{"allowed": false\}/gm),
  ]);
  const entrypoints = [...points.map(([, point]) => point), ...FRAMEWORK_VALUES];
  const modules = Object.fromEntries(
    sources.map((text, i) => [basename(names[i], '.rego'), prepare(names[i], text)]),
  );
  const wasm = compileRules(opa, { modules, root: 'framework', entrypoints });
  const rules = { files: names.map((file) => `rules/${file}`), sha256: sha256(sources.join('')) };
  return builtFiles(frameworkFolder, { name: FRAMEWORK, rules, wasm, entrypoints });
}

function builtFiles(folder, { name, rules, wasm, entrypoints }) {
  const about = {
    format: FORMAT,
    rules,
    wasm: { file: `${name}.wasm`, sha256: sha256(wasm) },
    opa: OPA_VERSION,
    builtins: readBuiltins(wasm),
    entrypoints: entrypoints.sort(),
  };
  return [
    { path: join(folder, about.wasm.file), content: wasm },
    {
      path: join(folder, `${name}.wasm.json`),
      content: Buffer.from(`${JSON.stringify(about, undefined, 2)}\n`),
    },
  ];
}

/** `modules` are texts by name; `root` is the package of the entrypoints. */
function compileRules(opa, { modules, root, entrypoints }) {
  const files = Object.entries(modules).map(([name, text]) => [`${name}.rego`, text]);
  const capabilities = JSON.parse(run(opa, ['capabilities', '--current']));
  const outside = capabilities.builtins.filter((builtin) => OUTSIDE.includes(builtin.name));
  capabilities.builtins.push(...outside.map((builtin) => ({ ...builtin, name: PREFIX + builtin.name })));
  writeFileSync(join(work, 'capabilities.json'), JSON.stringify(capabilities));
  for (const [file, text] of files) writeFileSync(join(work, file), text);
  run(opa, [
    ...['build', '--target', 'wasm', '--wasm-include-print'],
    ...['--capabilities', 'capabilities.json', '--output', 'bundle.tar.gz'],
    ...entrypoints.flatMap((query) => ['--entrypoint', `${root}/${query}`]),
    ...files.map(([file]) => file),
  ]);
  return memberOf(gunzipSync(readFileSync(join(work, 'bundle.tar.gz'))), '/policy.wasm');
}

/** The rules with their calls changed, line by line the same. */
function prepare(name, text) {
  const lines = text.split('\n').map((line, index) => {
    const calls = line.match(/\b(?:regex|glob)\.\w+(?=\()/g) ?? [];
    const other = calls.find((call) => !OUTSIDE.includes(call));
    if (other !== undefined) {
      fail(`${name}.rego:${index + 1} uses ${other}, which has no counterpart in JavaScript`);
    }
    return line
      .replaceAll(/\bregex\.\w+\(/g, (call) => PREFIX + call)
      .replaceAll(/(?<![\w.])print\(/g, `print("${index + 1}:", `);
  });
  return lines.join('\n');
}

/** Content of one member of a tar. */
function memberOf(tar, name) {
  for (let at = 0; at + 512 <= tar.length; ) {
    const field = (from, bytes) =>
      tar.toString('latin1', at + from, at + from + bytes).replace(/\0.*$/s, '');
    const size = Number.parseInt(field(124, 12), 8) || 0;
    const start = at + 512;
    if (field(0, 100) === name) return Buffer.from(tar.subarray(start, start + size));
    at = start + Math.ceil(size / 512) * 512;
  }
  return fail(`OPA built a bundle without ${name}`);
}

/** Names of the built-in functions that the module does not have inside. */
function readBuiltins(wasm) {
  const memory = new WebAssembly.Memory({ initial: 5 });
  const none = () => 0;
  const env = { memory, opa_abort: none, opa_println: none };
  for (let count = 0; count <= 4; count++) env[`opa_builtin${count}`] = none;
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(wasm), { env });
  const start = exports.opa_json_dump(exports.builtins());
  const bytes = Buffer.from(memory.buffer);
  return Object.keys(JSON.parse(bytes.toString('utf8', start, bytes.indexOf(0, start)))).sort();
}

/** An OPA of the wanted version: env OPA, one on the PATH, one built before, else one built now by Go. */
function findOpa() {
  const named = process.env.OPA;
  const wanted = [...(named ? [named] : ['opa']), join(ownOpa, 'opa')];
  const found = wanted.find((program) => versionOf(program) === OPA_VERSION);
  if (found !== undefined) return found;
  const hasGo = spawnSync('go', ['version'], { stdio: 'ignore' }).status === 0;
  if (isCheck || !hasGo) fail(`OPA ${OPA_VERSION} is not at hand (set OPA to its path)`, STATUS.cannot);
  say(`building OPA ${OPA_VERSION} with Go (a few minutes, once)`);
  run('go', ['install', OPA_MODULE], { GOBIN: ownOpa, CGO_ENABLED: '0', GOFLAGS: '-mod=mod' });
  return join(ownOpa, 'opa');
}

function versionOf(program) {
  const { status, stdout } = spawnSync(program, ['version'], { encoding: 'utf8' });
  return status === 0 ? /^Version: (\S+)$/m.exec(stdout)?.[1] : undefined;
}

function run(program, args, env = {}) {
  const result = spawnSync(program, args, {
    cwd: work,
    env: { ...process.env, ...env },
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (result.status === 0) return result.stdout;
  return fail(`${program} ${args[0]} failed: ${result.error?.message ?? result.stderr + result.stdout}`);
}

function sha256(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}

function say(message) {
  process.stderr.write(`build-policies: ${message}\n`);
}

function fail(message, status = STATUS.differs) {
  say(message);
  rmSync(work, { recursive: true, force: true });
  process.exit(status);
}
