/** Changes of JSON texts at a path, and all paths of one: to make documents that differ in exactly one place. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonPath = readonly (string | number)[];

/** The text with the value at `path` replaced; without it for undefined. The last step may be new. */
export function editJson(text: string, path: JsonPath, value: Json | undefined): string {
  const root = JSON.parse(text) as Json;
  const parent = path.slice(0, -1).reduce<Json>((node, step) => stepInto(node, step), root);
  const last = path.at(-1)!;
  if (Array.isArray(parent)) {
    if (value === undefined) parent.splice(Number(last), 1);
    else parent[Number(last)] = value;
  } else if (typeof parent === 'object' && parent !== null) {
    if (value === undefined) delete parent[String(last)];
    else parent[String(last)] = value;
  }
  return JSON.stringify(root, null, 2);
}

/** The value at a path. */
export function valueAt(root: Json, path: JsonPath): Json {
  return path.reduce<Json>((node, step) => stepInto(node, step), root);
}

/** All paths below the root, inner ones included. */
export function pathsOf(value: Json, path: JsonPath = []): readonly JsonPath[] {
  if (typeof value !== 'object' || value === null) return [path];
  const inner = Array.isArray(value)
    ? value.flatMap((item, i) => pathsOf(item, [...path, i]))
    : Object.entries(value).flatMap(([key, item]) => pathsOf(item, [...path, key]));
  return path.length === 0 ? inner : [path, ...inner];
}

function stepInto(node: Json, step: string | number): Json {
  const inner = Array.isArray(node)
    ? node[Number(step)]
    : typeof node === 'object' && node !== null
      ? node[String(step)]
      : undefined;
  if (inner === undefined) throw new Error(`no ${step} there`);
  return inner;
}
