/** Something the user should know although the work goes on. Printed on stderr as `warning: ...`; part of `--json`. */
export interface Notice {
  /** Stable kebab-case name, e.g. `implied-parent-directories`. */
  readonly code: string;
  /** One sentence, lower case, no full stop. */
  readonly message: string;
  /** `info`: of interest, but no reason to act; shown with --verbose and in --json. Absent: a warning. */
  readonly level?: 'info';
  /** Where: image, layer, member, or file:line:column. */
  readonly where?: string;
}

/** Receives notices. Stages call it; the command decides what is shown. */
export type NoticeSink = (notice: Notice) => void;
