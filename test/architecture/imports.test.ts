import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const SRC = resolve(import.meta.dirname, '../../src');

const STAGES = [
  'manifest',
  'image',
  'layer',
  'policy',
  'fragment',
  'rego',
  'measurement',
  'release',
  'attest',
  'keyrelease',
];

/** Modules with effects that only io/ (and cli.ts, the bootstrap) may name. */
const EFFECT_MODULES =
  /^(node:)?(fs|fs\/promises|net|tls|http|https|http2|dgram|child_process|os|worker_threads|readline|dns)$/;
const EFFECT_WORDS =
  /(?<![.\w])(process\.(env|argv|exit|exitCode|std\w+|on|once|cwd|hrtime|memoryUsage|nextTick|platform|pid|kill)\b|console\.|Date\.now|new Date\(|Math\.random|setTimeout|setInterval|setImmediate|await fetch\()/;

interface Import {
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
}

/** What makes the program is no part of it. */
const BUILD: ReadonlySet<string> = new Set(['setup.mjs', 'bundle']);

function sourceFiles(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    if (BUILD.has(relative(SRC, path))) return [];
    if (statSync(path).isDirectory()) return sourceFiles(path);
    return /\.(ts|mjs)$/.test(name) ? [path] : [];
  });
}

const withoutComments = (text: string) =>
  text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');

/** Every static and dynamic import; `import('x').T` in a type position counts as type only. */
function importsOf(file: string): Import[] {
  const text = withoutComments(readFileSync(file, 'utf8'));
  const found: Import[] = [];
  const statement = /(?:^|\n)\s*(import|export)\s+(type\s+)?([^;'"]*?\sfrom\s+)?['"]([^'"]+)['"]/g;
  for (const match of text.matchAll(statement)) {
    const names = match[3] ?? '';
    const list = /\{([^}]*)\}/.exec(names)?.[1];
    const allTypes =
      list?.split(',').every((name) => name.trim() === '' || name.trim().startsWith('type ')) ===
      true;
    found.push({ from: file, to: match[4]!, typeOnly: match[2] !== undefined || allTypes });
  }
  for (const match of text.matchAll(/(typeof\s+)?import\(\s*['"]([^'"]+)['"]\s*\)/g)) {
    found.push({ from: file, to: match[2]!, typeOnly: match[1] !== undefined });
  }
  return found;
}

/** First folder below src, or the file's name for files that stand in src itself. */
function areaOf(path: string): string {
  const parts = relative(SRC, path).split('/');
  return parts.length > 1 ? parts[0]! : parts[0]!.replace(/\.(ts|js|mjs)$/, '');
}

/** What an area may import values from; types of stages are open to stages and io. */
function allowed(area: string): readonly string[] {
  if (area === 'core') return ['core'];
  if (area === 'workload') return ['workload', 'core'];
  if (STAGES.includes(area)) return [area, 'workload', 'core'];
  if (area === 'io') return ['io', 'core'];
  if (area === 'pipeline') return ['pipeline', ...STAGES, 'workload', 'core'];
  if (area === 'commands') return ['commands', 'pipeline', ...STAGES, 'io', 'workload', 'core'];
  if (area === 'cli') return ['commands', 'io', 'core'];
  if (area === 'index') return ['pipeline', ...STAGES, 'io', 'workload', 'core'];
  throw new Error(`src/${area} has no place in the layer diagram`);
}

const TYPES_OF_STAGES = [...STAGES, 'workload'];

describe('imports', () => {
  const files = sourceFiles(SRC);

  it.each(files.map((file) => [relative(SRC, file), file]))(
    '%s keeps to its layer',
    (_name, file) => {
      const area = areaOf(file);
      for (const edge of importsOf(file)) {
        if (!edge.to.startsWith('.')) continue;
        const target = areaOf(resolve(dirname(file), edge.to));
        const open = allowed(area);
        const types = STAGES.includes(area) || area === 'io' ? TYPES_OF_STAGES : [];
        const ok = open.includes(target) || (edge.typeOnly && types.includes(target));
        expect(
          ok,
          `src/${relative(SRC, file)} -> ${edge.to}${edge.typeOnly ? ' (types)' : ''}`,
        ).toBe(true);
      }
    },
  );

  it.each(files.map((file) => [relative(SRC, file), file]))(
    '%s has effects only where they belong',
    (_name, file) => {
      const area = areaOf(file);
      if (area === 'io' || area === 'cli') return;
      for (const edge of importsOf(file)) {
        expect(EFFECT_MODULES.test(edge.to), `src/${relative(SRC, file)} -> ${edge.to}`).toBe(
          false,
        );
      }
      expect(withoutComments(readFileSync(file, 'utf8'))).not.toMatch(EFFECT_WORDS);
    },
  );

  it('commands do not import each other, but for the parts of one command in its own folder', () => {
    const shared = [
      'context',
      'options',
      ...['image', 'evidence', 'guest', 'host'].map((kind) => `${kind}-options`),
    ];
    const commandOf = (path: string) => relative(join(SRC, 'commands'), path).split('/')[0]!;
    for (const file of files.filter((path) => areaOf(path) === 'commands')) {
      const own = commandOf(file).replace(/\.ts$/, '');
      for (const edge of importsOf(file)) {
        const target = resolve(dirname(file), edge.to);
        if (!edge.to.startsWith('.') || areaOf(target) !== 'commands') continue;
        expect([...shared, own], `${relative(SRC, file)} -> ${edge.to}`).toContain(
          commandOf(target).replace(/\.js$/, ''),
        );
      }
    }
  });
});
