/** A page for people: headings, facts, lists and tables, independent of where it is shown. Texts are untrusted. */

/** How a text is to be taken: `bad` and `warning` ask for attention, `muted` is of lesser interest. */
export type Tone = 'good' | 'warning' | 'bad' | 'muted';

export interface ToneText {
  readonly text: string;
  readonly tone: Tone;
}

export type Cell = string | ToneText;

export type Block =
  | { readonly kind: 'heading'; readonly level: 1 | 2 | 3; readonly text: string }
  | { readonly kind: 'paragraph'; readonly text: Cell }
  | { readonly kind: 'list'; readonly items: readonly Cell[] }
  /** Labels with one or more values each. */
  | { readonly kind: 'facts'; readonly rows: readonly Fact[] }
  | {
      readonly kind: 'table';
      readonly columns: readonly string[];
      readonly rows: readonly (readonly Cell[])[];
    };

export interface Fact {
  readonly label: string;
  readonly values: readonly Cell[];
}

export interface Page {
  readonly title: string;
  readonly blocks: readonly Block[];
}

/** Characters that are not what they seem: controls, line and direction marks, invisible ones, blanks that are none. */
const UNSEEN =
  /\p{Cc}|\p{Cf}|\p{Zl}|\p{Zp}|(?! )\p{Zs}|\p{Surrogate}|\p{Default_Ignorable_Code_Point}/gu;
const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** The text of a cell. */
export function textOf(cell: Cell): string {
  return typeof cell === 'string' ? cell : cell.text;
}

/** The text with every character that steers or deceives its reader shown as an escape. */
export function showUnseen(text: string): string {
  return text.replace(UNSEEN, (character) => {
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x80) return SHORT[character] ?? `\\x${code.toString(16).padStart(2, '0')}`;
    return `\\u{${code.toString(16)}}`;
  });
}
