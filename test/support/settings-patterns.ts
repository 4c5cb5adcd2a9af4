/** The regular expressions that policies with bundled settings bring along. */
import { readdirSync, readFileSync } from 'node:fs';

const FOLDER = new URL('../../policies/kata/settings/', import.meta.url);

/** Patterns for variables of all bundled settings, with the placeholders replaced as the rules replace them. */
export function readVariablePatterns(): readonly string[] {
  return readdirSync(FOLDER).flatMap((file) => {
    const settings = JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8')) as {
      readonly common: Readonly<Record<string, unknown>>;
      readonly request_defaults: {
        readonly CreateContainerRequest: { readonly allow_env_regex: readonly string[] };
      };
    };
    return settings.request_defaults.CreateContainerRequest.allow_env_regex.map((pattern) =>
      pattern.replace(/\$\((\w+)\)/g, (_, name: string) => String(settings.common[name])),
    );
  });
}
