// A number typed digit by digit: what is typed is what is meant ("75" is 75, never 7 of 10).

/**
 * What typing `character` after `text` makes on a scale: {text, value, complete}, or null where no
 * number of the scale begins so. `value` is null while the number is too small yet, `complete`
 * says that nothing typed further could be a number of the scale.
 */
export function typed(text, character, { minimum, maximum, step }) {
  const longer = text + character;
  if (!isWritten(longer, step) || leadsNowhere(longer, maximum)) return null;
  const value = toStep(Number(longer), { minimum, maximum, step });
  const grows = [..."0123456789", "."].some((next) => isWritten(longer + next, step) && !leadsNowhere(longer + next, maximum));
  if (Number(longer) < minimum && !grows) return null;
  return { text: longer, value: Number(longer) < minimum ? null : value, complete: !grows };
}

/** The nearest number that the scale has. */
export function toStep(value, { minimum, maximum, step }) {
  const steps = Math.round((Math.min(Math.max(value, minimum), maximum) - minimum) / step);
  return Number(Math.min(minimum + steps * step, maximum).toFixed(decimals(step) + decimals(minimum)));
}

function decimals(step) {
  return (String(step).split(".")[1] ?? "").length;
}

function isWritten(text, step) {
  const places = decimals(step);
  const pattern = places === 0 ? /^\d+$/ : new RegExp(`^\\d+(\\.\\d{0,${places}})?$`);
  return pattern.test(text);
}

/** Above the scale; or a zero in front of a zero or of a second digit after that ("05" is 5, "050" is not). */
function leadsNowhere(text, maximum) {
  if (Number(text) > maximum) return true;
  if (/^0\d/.test(text)) return maximum < 20 || /^0\d\d/.test(text);
  return false;
}
