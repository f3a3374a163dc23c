// Questions about an image, and which of them are asked: what depends on a wrong answer is not.

/** @typedef {{ value: number | string } | { reason: string } | null} Score  as in scoring.js */
/** @typedef {{ name: string, text: string, parents: string[], right: number }} Question  as the server says it */

export const YES = 1;
export const NO = 0;
export const CANNOT_TELL = "cannot tell"; // as nami_bench.domain.question calls them
const NOT_ASKED = "not asked";

/** @param {Score} score */
export function isUnasked(score) {
  return score !== null && "reason" in score && score.reason === NOT_ASKED;
}

/**
 * The scores as they are with `questions` in view: those that are not asked say so, and those that are asked
 * again have none.
 * @param {readonly Score[]} scores
 * @param {readonly Question[]} questions
 * @returns {Score[]}
 */
export function asked(scores, questions) {
  /** @type {Set<string>} */
  const closed = new Set(); // those whose children are not asked
  /** @type {Set<string>} */
  const unasked = new Set();
  questions.forEach(({ name, right }, i) => {
    const score = scores[i];
    if (score !== null && "value" in score && score.value !== right) closed.add(name);
  });
  for (let before = -1; before < unasked.size;) {
    before = unasked.size;
    for (const { name } of questions.filter(({ parents }) => parents.some((parent) => closed.has(parent)))) {
      unasked.add(name);
      closed.add(name);
    }
  }
  return scores.map((score, i) => {
    if (unasked.has(questions[i].name)) return { reason: NOT_ASKED };
    return isUnasked(score) ? null : score;
  });
}
