/** The template function `format`: placeholders of .NET's composite formatting, as far as their results are certain. */
import type { ArmValue, Budget } from '../value.js';
import { misfit, textArg } from './row.js';
import { textOfArm } from './text.js';

/** `{index[,width][:specifier]}`, or a doubled brace. */
const PIECE = /\{\{|\}\}|\{([0-9]{1,4})(?:,(-?[0-9]{1,6}))?(?::([^{}]*))?\}|[{}]/g;

/** Specifiers for ints: a letter and, where it counts, a number of digits. */
const SPECIFIERS: Readonly<Record<string, (value: bigint, digits: number | undefined) => string>> =
  {
    D: (value, digits) => signed(value, (text) => text.padStart(digits ?? 0, '0')),
    N: (value, digits) =>
      signed(value, (text) => text.replace(/\B(?=(?:[0-9]{3})+$)/g, ',') + decimals(digits ?? 2)),
    F: (value, digits) => signed(value, (text) => text + decimals(digits ?? 2)),
    X: (value, digits) =>
      hex(value)
        .toUpperCase()
        .padStart(digits ?? 0, '0'),
    x: (value, digits) => hex(value).padStart(digits ?? 0, '0'),
  };

function signed(value: bigint, print: (digits: string) => string): string {
  return value < 0n ? `-${print(String(-value))}` : print(String(value));
}

function decimals(digits: number): string {
  return digits === 0 ? '' : `.${'0'.repeat(digits)}`;
}

function hex(value: bigint): string {
  return BigInt.asUintN(64, value).toString(16);
}

/** Arguments: the format and its values. */
export function formatText(args: readonly ArmValue[], budget: Budget): string {
  const format = textArg(args, 0);
  const text = format.replace(PIECE, (piece, index?: string, width?: string, how?: string) => {
    if (piece === '{{' || piece === '}}') return piece.charAt(0);
    if (index === undefined)
      throw misfit('the format has a brace that is neither doubled nor a pair');
    const value = args[Number(index) + 1];
    if (value === undefined) throw misfit(`the format asks for value ${index}, which is not there`);
    const printed = printValue(value, how, budget);
    const aligned = align(printed, Number(width ?? 0), budget);
    budget.produce(aligned.length);
    return aligned;
  });
  budget.produce(format.length);
  return text;
}

function printValue(value: ArmValue, how: string | undefined, budget: Budget): string {
  if (how === undefined || how === '') return textOfArm(value, budget);
  const [, letter = '', digits = ''] = /^([A-Za-z])([0-9]{0,2})$/.exec(how) ?? [];
  const print =
    SPECIFIERS[letter === 'd' || letter === 'n' || letter === 'f' ? letter.toUpperCase() : letter];
  if (typeof value !== 'bigint' || print === undefined) {
    throw misfit(
      'the format has a specifier that podseal does not know for such a value',
      'D, N, F or X, and an int',
    );
  }
  return print(value, digits === '' ? undefined : Number(digits));
}

function align(text: string, width: number, budget: Budget): string {
  budget.produce(Math.abs(width));
  return width < 0 ? text.padEnd(-width) : text.padStart(width);
}
