/** Answers to questions of a reader: it is called again whenever an answer has come in, so that it may stay pure. */
import { ToolError } from '../../core/error.js';
import type { WildcardApproval, WildcardQuestion } from '../../workload/container-group.js';

/** Thrown out of the reader by a question without answer. */
class Unanswered extends Error {
  readonly question: WildcardQuestion;

  constructor(question: WildcardQuestion) {
    super('a question has no answer yet');
    this.question = question;
  }
}

/** Questions that one run may ask: nobody answers more. */
const MOST_QUESTIONS = 1_000;

/** What `read` gives once `ask` has answered all of its questions. Each is asked once, in order. */
export async function readWithAnswers<T>(
  read: (approve: WildcardApproval) => T,
  ask: (question: WildcardQuestion) => Promise<boolean>,
): Promise<T> {
  const answers: boolean[] = [];
  for (;;) {
    let asked = 0;
    try {
      return read((question) => {
        const answer = answers[asked];
        asked += 1;
        if (answer === undefined) throw new Unanswered(question);
        return answer;
      });
    } catch (error) {
      if (!(error instanceof Unanswered)) throw error;
      if (answers.length >= MOST_QUESTIONS) throw tooMany();
      answers.push(await ask(error.question));
    }
  }
}

function tooMany(): ToolError {
  return new ToolError('LIMIT_EXCEEDED', 'too many values are not known', {
    want: `at most ${MOST_QUESTIONS}`,
    hints: ['approve wildcards for all of them, or give the values'],
  });
}

/** Approves every wildcard if `all`; else throws MANIFEST_REFERENCE_MISSING, since nobody is asked. */
export function approveWithoutAsking(all: boolean): WildcardApproval {
  return ({ variable, at, reasons = [], parameters = [] }) => {
    if (all) return true;
    throw new ToolError(
      'MANIFEST_REFERENCE_MISSING',
      `the value of variable ${variable} is not known from the input files`,
      {
        where: at,
        ...(reasons.length === 0 ? {} : { got: reasons.join('; ') }),
        hints: [
          parameters.length === 0
            ? 'give the file that has it (--parameters, --config-map)'
            : `give a value to ${parameters.join(', ')} with --parameters FILE`,
          'or --approve-wildcards: the policy then allows any value of such variables',
        ],
      },
    );
  };
}
