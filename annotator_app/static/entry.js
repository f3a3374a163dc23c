// How the values of a scale are written: what is typed is what is meant ("75" is 75, never 7 of 10).
//
// A value is written with its digits, a "-" before it if it is below zero, and up to as many decimals as the
// scale has. On a scale of 20 or more a number may have zeros before it, up to the usual number of digits:
// "05". That number is of the largest value, but one less where only 100, 1000 ... itself has so many.

const PADDED_FROM = 20;
const TINY = 1e-6; // of a step: what is left by 0.1 + 0.2
const CHARACTERS = [..."0123456789", "."];

/**
 * What `text` is on a scale: null where no value's writing begins so, else {value, complete, beyond}.
 * `value` is null while it is no value of the scale yet; `complete`: nothing longer is one; `beyond`: its
 * last zero is one digit more than usual, as in "100", after what is a value by itself.
 */
export function read(text, scale) {
  if (!begins(text, scale)) return null;
  return {
    value: valueOf(text, scale),
    complete: !CHARACTERS.some((next) => begins(text + next, scale)),
    beyond: isBeyond(text, scale),
  };
}

/** `text` with one more character; a point that begins a number has a zero before it. */
export function longer(text, character) {
  if (character !== ".") return text + character;
  return text === "" || text === "-" ? `${text}0.` : `${text}.`;
}

/** The nearest value that the scale has. */
export function toStep(value, scale) {
  return valueAt(Math.min(Math.max(Math.round((value - scale.minimum) / scale.step), 0), lastIndex(scale)), scale);
}

/** So many steps up or down from a value; from none to the middle, by an infinite number to the end. */
export function stepped(value, steps, scale) {
  if (!Number.isFinite(steps)) return steps < 0 ? scale.minimum : valueAt(lastIndex(scale), scale);
  return toStep(value === null ? (scale.minimum + scale.maximum) / 2 : value + steps * scale.step, scale);
}

/** Whether a scale's numbers have decimals. */
export function hasDecimals(scale) {
  return places(scale) > 0;
}

function begins(text, scale) {
  const found = /^(-?)(\d*)(\.\d*)?$/.exec(text);
  if (found === null) return false;
  const [, sign, whole, fraction] = found;
  const reach = sign === "" ? scale.maximum : -scale.minimum;
  if (reach < 0 || (sign === "-" && reach === 0)) return false;
  if (whole === "") return fraction === undefined && text !== "";
  if (fraction !== undefined) {
    const open = places(scale) - (fraction.length - 1);
    return open >= 0 && places(scale) > 0 && fits(whole, reach) && hasBetween(whole + fraction, open, 0, sign, scale);
  }
  for (let more = 0; fits(whole + "0".repeat(more), reach); more++) {
    if (hasBetween(whole, places(scale), more, sign, scale)) return true;
  }
  return false;
}

/** Whether a whole part has no more digits than values of the scale, and zeros before it only up to the usual. */
function fits(whole, reach) {
  if (/^0./.test(whole)) return reach >= PADDED_FROM && whole.length <= usualDigits(reach);
  return whole.length <= digits(reach);
}

/** Whether a value lies among the numbers that `text` becomes with `more` further digits and `open` decimals. */
function hasBetween(text, open, more, sign, scale) {
  const unit = 10 ** -places(scale);
  const least = Number(text) * 10 ** more;
  const most = least + 10 ** (more + open - places(scale)) - unit;
  const [low, high] = sign === "" ? [least, most] : [-most, -Math.max(least, unit)]; // there is no -0
  const first = Math.max(Math.ceil((low - scale.minimum) / scale.step - TINY), 0);
  const last = Math.min(Math.floor((high - scale.minimum) / scale.step + TINY), lastIndex(scale));
  return first <= last;
}

function valueOf(text, scale) {
  if (text === "-" || text === "") return null;
  const value = Number(text);
  const index = Math.round((value - scale.minimum) / scale.step);
  if (index < 0 || index > lastIndex(scale) || Object.is(value, -0)) return null;
  return Math.abs(scale.minimum + index * scale.step - value) < TINY * scale.step ? valueAt(index, scale) : null;
}

function isBeyond(text, scale) {
  const whole = text.replace("-", "");
  const reach = text.startsWith("-") ? -scale.minimum : scale.maximum;
  const isLonger = /^\d+$/.test(whole) && whole.endsWith("0") && whole.length > usualDigits(reach);
  return isLonger && reach >= PADDED_FROM && valueOf(text.slice(0, -1), scale) !== null;
}

function valueAt(index, { minimum, step }) {
  return Number((minimum + index * step).toFixed(places({ minimum, step }))) + 0; // + 0: no -0
}

function lastIndex({ minimum, maximum, step }) {
  return Math.floor((maximum - minimum) / step + TINY);
}

function places({ minimum, step }) {
  return Math.max(decimals(step), decimals(minimum));
}

function decimals(number) {
  const [mantissa, exponent] = String(Number(number.toPrecision(12))).split("e-");
  return (mantissa.split(".")[1] ?? "").length + Number(exponent ?? 0);
}

function digits(reach) {
  return String(Math.floor(reach)).length;
}

function usualDigits(reach) {
  return /^10+$/.test(String(reach)) ? digits(reach) - 1 : digits(reach);
}
