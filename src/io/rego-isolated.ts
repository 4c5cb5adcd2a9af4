/**
 * A policy whose rules may call each other very deep, evaluated by the native addon in a process of its own for each
 * question: calls without end take that process with them, and are a failed evaluation here.
 */
import { Buffer } from 'node:buffer';
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { ToolError } from '../core/error.js';
import { parseJson } from '../core/json.js';
import {
  arrayOf,
  type JsonPlace,
  optionalField,
  readObject,
  readString,
  requiredField,
} from '../core/json-read.js';
import type { NativeAddon, NativeRegoPolicy } from './native.js';

type Modules = ConstructorParameters<NativeAddon['RegoPolicy']>[0];
type Options = ConstructorParameters<NativeAddon['RegoPolicy']>[1];
type Evaluation = ReturnType<NativeRegoPolicy['evaluate']>;

/** What the process runs: the file of the addon is its argument, the question its standard input. */
const PROGRAM = `
const { RegoPolicy } = require(process.argv[1]);
const asked = JSON.parse(require('node:fs').readFileSync(0, 'utf8'));
const policy = new RegoPolicy(asked.modules, asked.options);
policy.setData(asked.data);
process.stdout.write(JSON.stringify(policy.evaluate(asked.rule, asked.input)));
`;
/** Time to start the process and to load the policy, beside the evaluation itself. */
const EXTRA_MS = 30_000;
/** Most bytes of an answer: the value, and lines that the rules printed. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
/** Beyond it Windows tells of a crash. */
const LARGEST_STATUS = 255;
const PLACE: JsonPlace = { code: 'INTERNAL', what: 'answer of the engine', path: '' };

/** As NativeRegoPolicy. `file` is that of the addon. */
export class IsolatedRegoPolicy implements NativeRegoPolicy {
  readonly #file: string;
  readonly #modules: Modules;
  readonly #options: Options;
  #data = '{}';

  constructor(file: string, modules: Modules, options: Options) {
    this.#file = file;
    this.#modules = modules;
    this.#options = options;
  }

  setData(json: string): void {
    this.#data = json;
  }

  evaluate(rule: string, inputJson: string): Evaluation {
    const asked = {
      modules: this.#modules,
      options: this.#options,
      data: this.#data,
      rule,
      input: inputJson,
    };
    const ended = spawnSync(process.execPath, ['-e', PROGRAM, this.#file], {
      input: Buffer.from(JSON.stringify(asked)),
      env: {},
      stdio: ['pipe', 'pipe', 'ignore'],
      timeout: this.#options.timeLimitMs + EXTRA_MS,
      maxBuffer: MAX_ANSWER_BYTES,
      windowsHide: true,
    });
    return readAnswer(ended);
  }
}

function readAnswer({ status, signal, error, stdout }: SpawnSyncReturns<Buffer>): Evaluation {
  if (status === 0) return parseAnswer(stdout.toString());
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  if (code === 'ETIMEDOUT') return { error: 'the evaluation takes too long', prints: [] };
  if (code === 'ENOBUFS') return { error: 'the answer is too large', prints: [] };
  if (signal !== null || (status ?? 0) > LARGEST_STATUS) {
    return {
      error: 'the engine crashed: rules call each other too deep, or without end',
      prints: [],
    };
  }
  throw new ToolError('INTERNAL', 'the process of the engine failed', {
    got: error?.message ?? `status ${status}`,
  });
}

function parseAnswer(text: string): Evaluation {
  const answer = readObject(parseJson(text, PLACE.what), PLACE);
  const value = optionalField(answer, 'value', PLACE, readString);
  const error = optionalField(answer, 'error', PLACE, readString);
  return {
    ...(value === undefined ? {} : { value }),
    ...(error === undefined ? {} : { error }),
    prints: requiredField(answer, 'prints', PLACE, arrayOf(readString)),
  };
}
