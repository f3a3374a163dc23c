// The phases of somebody's work on a study, as the server names them.

/** Exercises: their answers are judged at once, and do not count. @param {string} phase */
export function isPractice(phase) {
  return phase === "training" || phase === "qualification";
}

/** Items are handed out. @param {string} phase */
export function isAtWork(phase) {
  return phase === "work" || isPractice(phase);
}

/** Nothing is handed out, but what was done may be corrected. @param {string} phase */
export function mayCorrect(phase) {
  return phase === "finished" || phase === "waiting";
}
