/** Questions on standard error, answers line by line from standard input. */
import { createInterface } from 'node:readline';
import { ToolError } from '../core/error.js';

export interface Prompt {
  /** The next line, without its end. Throws USAGE_CONFLICT where the input has ended. */
  ask(question: string): Promise<string>;
  /** Leaves standard input alone. */
  close(): void;
}

/** Opens standard input at the first question. Lines that nobody asked for are ignored. */
export function openPrompt(): Prompt {
  let lines: AsyncIterator<string> | undefined;
  let close: () => void = () => undefined;
  const open = () => {
    const reader = createInterface({ input: process.stdin, terminal: false });
    close = () => {
      reader.close();
      process.stdin.destroy();
    };
    return reader[Symbol.asyncIterator]();
  };
  return {
    async ask(question) {
      process.stderr.write(question);
      lines ??= open();
      const { value, done } = await lines.next();
      if (done !== true) return value;
      process.stderr.write('\n');
      throw new ToolError('USAGE_CONFLICT', 'a question got no answer: standard input has ended', {
        hints: ['answer y or n', 'or give --approve-wildcards for values that are not known'],
      });
    },
    close() {
      close();
    },
  };
}
