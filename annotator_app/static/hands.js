// What is in an annotator's hands: one value, and what becomes of it. Nothing here touches the page, the
// browser's storage or the server, so that every course of events can be tried without them.

import { isAtWork, mayCorrect } from "./phases.js";

/** @typedef {{ token: string | null, images: string[], prompt?: string, given?: object | null, questions?: object[] | null }} Item */
/** @typedef {{ phase: string, items: Item[], progress: { done: number, total: number } }} Session  and more */
/** @typedef {{ body: { client_token: string } }} Entry  of the outbox */

/**
 * @typedef {object} Hands
 * @property {Session} session  what the server said last
 * @property {Item | null} item  on the screen
 * @property {readonly Item[]} ahead  after it
 * @property {Item | null} aside  put aside while an earlier item is corrected
 * @property {Entry | null} awaited  what was sent and whose answer has to be seen before the next item
 * @property {ReadonlySet<string>} asked  items whose broken image the server was asked about
 * @property {boolean} left  another tab works now: nothing happens here any more
 */

/** Put aside where nothing was left to rate. @type {Item} */
export const NOTHING = Object.freeze({ token: null, images: [] });

/**
 * @param {Session} session
 * @returns {Hands}
 */
export function empty(session) {
  return { session, item: null, ahead: [], aside: null, awaited: null, asked: new Set(), left: false };
}

/** @param {Hands} hands */
export function isCorrecting(hands) {
  return hands.aside !== null;
}

/**
 * The server's word, and what has to be done now: "nothing"; say the "phase"; "show" the item, "renew" it (its
 * images may have new addresses) or "keep" it; or go on with the "next".
 *
 * `unsent`: tokens of items that were rated here and are not sent. `keeps`: the item on the screen stays though
 * the server does not name it. `rests`: there is a break, and nothing else shows.
 *
 * @param {Hands} hands
 * @param {Session} session
 * @param {{ unsent: ReadonlySet<string | null>, keeps: boolean, rests: boolean }} here
 * @returns {[Hands, "nothing" | "phase" | "renew" | "keep" | "next"]}
 */
export function received(hands, session, { unsent, keeps, rests }) {
  if (hands.left) return [hands, "nothing"];
  const told = { ...hands, session };
  if (isCorrecting(hands) && mayCorrect(session.phase)) return [told, "nothing"];
  if (!isAtWork(session.phase)) return [{ ...empty(session), asked: hands.asked }, "phase"];
  const items = session.items.filter((item) => !unsent.has(item.token));
  const again = items.find((item) => item.token === hands.item?.token);
  const now = { ...told, ahead: items.filter((item) => item !== again) };
  if (hands.awaited !== null || isCorrecting(hands) || rests) return [now, "nothing"];
  if (hands.item !== null && again !== undefined) return [{ ...now, item: again }, "renew"];
  if (hands.item !== null && keeps) return [now, "keep"];
  return [{ ...now, item: null }, "next"];
}

/**
 * The next item comes into the hands, if there is one.
 *
 * @param {Hands} hands
 * @returns {Hands}
 */
export function next(hands) {
  const [item = null, ...ahead] = hands.ahead;
  return { ...hands, item, ahead, aside: null };
}

/**
 * An item that was completed comes back to be corrected; what was in the hands is put aside.
 *
 * @param {Hands} hands
 * @param {Item} before
 * @returns {Hands}
 */
export function wentBack(hands, before) {
  return { ...hands, item: before, aside: hands.aside ?? hands.item ?? NOTHING };
}

/**
 * The correction is made, or left; what was put aside is in the hands again.
 *
 * @param {Hands} hands
 * @returns {Hands}
 */
export function resumed(hands) {
  return { ...hands, item: hands.aside === NOTHING ? null : hands.aside, aside: null };
}

/**
 * The answer to what is sent now has to be seen before the next item.
 *
 * @param {Hands} hands
 * @param {Entry} entry
 * @returns {Hands}
 */
export function awaiting(hands, entry) {
  return { ...hands, awaited: entry };
}

/** @param {Hands} hands @param {Entry} entry */
export function isAwaited(hands, entry) {
  return entry.body.client_token === hands.awaited?.body.client_token;
}

/**
 * The answer was seen: the item is done with.
 *
 * @param {Hands} hands
 * @returns {Hands}
 */
export function seen(hands) {
  return { ...hands, awaited: null, item: null };
}

/**
 * What was sent is refused: nothing is waited for, and the item stays in the hands.
 *
 * @param {Hands} hands
 * @param {Entry} entry
 * @returns {Hands}
 */
export function refused(hands, entry) {
  return isAwaited(hands, entry) ? { ...hands, awaited: null } : hands;
}

/**
 * The server is asked about the item's broken image, once; null where it was.
 *
 * @param {Hands} hands
 * @returns {Hands | null}
 */
export function askedAbout(hands) {
  const token = hands.item?.token ?? null;
  if (token === null || hands.asked.has(token)) return null;
  return { ...hands, asked: new Set([...hands.asked, token]) };
}

/**
 * Another tab took over.
 *
 * @param {Hands} hands
 * @returns {Hands}
 */
export function leftTo(hands) {
  return { ...hands, left: true };
}
