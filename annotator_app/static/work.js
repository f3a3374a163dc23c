// The work at hand: one item after the other, submitted without waiting for the server.
//
// The server hands out the item in hand and the next ones. A submission goes into the outbox and
// the next item shows at once; the answer brings more items. Only where the answer has something
// to show (training and qualification) does the screen wait for it.

import { call } from "./api.js";
import { placed } from "./arrangement.js";
import { countForBreak, dueBreak } from "./breaks.js";
import { Clock } from "./clock.js";
import { askReason } from "./dialogs.js";
import { part, setText } from "./dom.js";
import { draftOf, dropDraft, saveDraft, tidyDrafts } from "./drafts.js";
import { Extras } from "./extras.js";
import { Form } from "./form.js";
import {
  askedAbout, awaiting, empty, isAwaited, isCorrecting, leftTo, next, received, refused, resumed, seen, wentBack,
} from "./hands.js";
import { endNotice, hideNotice, showNotice, showProgress, speak, wordsFor } from "./header.js";
import { logInAddress } from "./home.js";
import { Outbox } from "./outbox.js";
import { Marking } from "./marking.js";
import { isAtWork, isPractice, mayCorrect } from "./phases.js";
import { RefusedScores } from "./refused.js";
import { Screens } from "./screens.js";
import { number, t } from "./texts.js";
import { Viewer } from "./viewer.js";

const POLL_MS = 20_000;

export class Work {
  #study;
  #who; // who works on which study
  #screens;
  #feedback = new Screens(part("feedback")); // beside the image, in the place of the scores
  #form;
  #viewer;
  #marking = null; // where the study asks for marks
  #isMarkLast = false; // whether the last change was one of marks
  #outbox;
  #refused;
  #clock = new Clock();
  #hands; // all that changes: see hands.js
  #extras = new Extras(() => this.#changed());
  #poll;
  #settle;

  /** `settle()` is called where what stands above the work may move it. */
  constructor(session, screens, settle) {
    this.#study = session.study;
    this.#settle = settle;
    this.#who = { role: session.role, study: session.study };
    this.#hands = empty(session);
    this.#screens = screens;
    this.#form = new Form(part("criteria"), session.study, {
      changed: () => { this.#isMarkLast = false; this.#changed(); },
      say: (note) => this.#tell(note),
      excuse: (row) => this.#excuse(row),
      ordered: (sketch) => this.#viewer?.showOrder(sketch, session.study.mode),
      complete: () => { if (session.study.choice_submits) this.#submit(); },
    });
    this.#viewer = new Viewer(part("work"), session.study, {
      moved: () => this.#marking?.draw(),
      ready: () => this.#onReady(),
      broken: () => this.#onBroken(),
      chosen: (side) => { if (this.#isRating) this.#form.choose({ value: side }, placed(`side.${side}`)); },
      pressed: (image) => { if (this.#isRating) this.#form.pressImage(image); },
    });
    if (session.study.marks !== null) {
      this.#marking = new Marking(session.study, this.#viewer.frames, {
        changed: () => { this.#isMarkLast = true; this.#changed(); },
        pan: (direction) => this.#viewer.zoom.pan(direction),
        leave: () => this.focus(),
      });
    }
    this.#outbox = new Outbox(`${session.annotator}/${session.study.name}`, {
      sent: (entry, answer) => this.#onSent(entry, answer),
      refused: (entry, refusal) => this.#onRefused(entry, refusal),
      held: (refusal) => this.#onHeld(refusal),
    });
    this.#refused = new RefusedScores(part("refused"), this.#outbox, session);
    this.#listen();
    tidyDrafts();
    this.#take(session);
    this.#outbox.flush();
  }

  /** Another tab works now: this one keeps its draft and does nothing more. */
  leave() {
    this.#keepDraft();
    this.#hands = leftTo(this.#hands);
    clearInterval(this.#poll);
    this.#clock.pause();
    part("work").hidden = true;
  }

  /** Send what is unsent. */
  send() { this.#outbox.flush(); }

  focus() {
    if (this.#isRating) this.#form.focus();
  }

  /** "waiting", "typing" or "done": the state of the scores on the screen (scoring.js). */
  get condition() {
    return this.#isRating ? this.#form.condition : "waiting";
  }

  /** Do what a key means; false where it means nothing now. */
  handle(key) {
    if (this.#hands.left) return false;
    if (key.effect === "undo" && this.#isRating && this.#isMarkLast && this.#marking?.canUndo) {
      this.#marking.undo();
      return true;
    }
    if (this.#isRating && this.#form.handle(key)) {
      this.#form.active.reveal(); // a key may have gone on to one that is out of the window
      return true;
    }
    if (key.effect === "back") {
      this.#back();
      return true;
    }
    if (!this.#isRating) {
      if (key.effect !== "submit" || !this.#feedback.isShown) return false;
      this.#feedback.press();
      return true;
    }
    switch (key.effect) {
      case "submit": this.#submit(); return true;
      case "forward": return this.#forward();
      case "flag": this.#extras.toggleFlag(); return true;
      case "comment": this.#extras.editComment(); return true;
      case "mark": return this.#marking?.enter() ?? false;
      case "actualSize": this.#viewer.zoom.toggleActualSize(); return true;
      case "zoomIn": this.#viewer.zoom.zoomIn(); return true;
      case "zoomOut": this.#viewer.zoom.zoomOut(); return true;
      case "pan": this.#viewer.zoom.pan(key.direction); return true;
      default: return false;
    }
  }

  get #asksQuestions() {
    return this.#study.mode === "questions";
  }

  get #isRating() {
    return !this.#hands.left && this.#item !== null && !this.#screens.isShown && !this.#feedback.isShown;
  }

  /** On the screen. */
  get #item() {
    return this.#hands.item;
  }

  get #isCorrecting() {
    return isCorrecting(this.#hands);
  }

  #listen() {
    part("scores").addEventListener("submit", (event) => { event.preventDefault(); this.#submit(); });
    part("back").addEventListener("click", () => this.#back());
    document.addEventListener("visibilitychange", () => this.#keepDraft());
    window.addEventListener("pagehide", () => this.#keepDraft());
    this.#poll = setInterval(() => {
      if (!document.hidden && !isAtWork(this.#hands.session.phase) && !this.#isCorrecting) this.#refresh();
    }, POLL_MS);
  }

  // ---- What the server says ----

  /** Take over the server's state: what to show, what to load ahead. */
  #take(session) {
    if (this.#hands.left) return;
    if (!isAtWork(session.phase) && !(this.#isCorrecting && mayCorrect(session.phase))) this.#keepDraft();
    const unsent = new Set(this.#outbox.entries.map((entry) => entry.token));
    const keeps = this.#item !== null && draftOf(this.#item.token) !== null && !this.#viewer.isBroken;
    const rests = this.#screens.kind === "break";
    const [hands, then] = received(this.#hands, session, { unsent, keeps, rests });
    this.#hands = hands;
    this.#showProgress();
    if (then === "phase") return this.#showPhase();
    if (!isAtWork(session.phase)) return;
    if (unsent.size > 0) this.#outbox.flush(); // what had to wait while there was a pause
    this.#preload();
    if (then === "renew" && !part("work").hidden && this.#viewer.isBroken) this.#viewer.retry(this.#item);
    if (then === "next") this.#showNext();
    else if (then !== "nothing" && this.#screens.isShown) this.#show(this.#item);
  }

  async #refresh() {
    try {
      this.#take(await call("session"));
    } catch (refusal) {
      this.#onHeld(refusal);
    }
  }

  #onSent(entry, answer) {
    if (this.#hands.left) return;
    if (this.#outbox.entries.length === 0) endNotice();
    const isWaitedFor = isAwaited(this.#hands, entry);
    if (!isWaitedFor || answer.feedback === null || answer.feedback === undefined) {
      if (isWaitedFor) this.#endAwaited();
      return this.#take(answer);
    }
    this.#hands = { ...this.#hands, session: answer };
    this.#showProgress();
    part("scores").hidden = true;
    this.#feedback.feedback(answer.feedback, this.#item, this.#study, () => {
      this.#endAwaited();
      this.#take(this.#hands.session);
    });
  }

  #endAwaited() {
    this.#hands = seen(this.#hands);
    this.#hideFeedback();
  }

  #hideFeedback() {
    this.#feedback.hide();
    part("scores").hidden = false;
  }

  #onRefused(entry, refusal) {
    this.#refused.draw();
    const look = { text: t("refused.show"), go: () => { hideNotice(); this.#refused.show(); } };
    showNotice(t("refused", { reason: wordsFor(refusal) }), look);
    saveDraft(entry.token, { ...entry.body, elapsed_ms: entry.body.duration_ms }); // if it comes again
    if (isAwaited(this.#hands, entry)) this.#say("");
    this.#hands = refused(this.#hands, entry);
    this.#refresh();
  }

  #onHeld(refusal) {
    const count = this.#outbox.entries.length;
    if (refusal.isSignedOut) {
      this.#keepDraft();
      const logIn = { text: t("login"), go: () => location.assign(logInAddress()) };
      showNotice(count === 0 ? t("signed_out") : t("signed_out.unsent", { count }), logIn);
    } else if (!refusal.isPassing) {
      this.#refresh();
    } else if (count > 0) {
      showNotice(t(this.#item === null ? "unsent" : "unsent.go_on", { count, why: wordsFor(refusal) }));
      if (this.#hands.awaited !== null) this.#say(t("sending.again", { why: wordsFor(refusal) }));
      if (this.#item === null) this.#screens.waitForConnection(() => this.#outbox.flush());
    } else {
      showNotice(wordsFor(refusal));
    }
    this.#showProgress();
  }

  // ---- What is on the screen ----

  /** Items rated here that the server does not count yet; a correction counts nothing. */
  get #uncounted() {
    const inHands = new Set(this.#hands.session.items.map((item) => item.token));
    return this.#outbox.entries.filter((entry) => inHands.has(entry.token)).length;
  }

  #showProgress() {
    showProgress(this.#hands.session, this.#uncounted);
  }

  #showPhase() {
    this.#clock.pause();
    this.#hideFeedback();
    this.#cover();
    const { session } = this.#hands;
    if (this.#outbox.entries.length > 0 && mayCorrect(session.phase)) this.#screens.moment();
    else this.#screens.phase({ ...session, ...this.#who }, this.#study.contact, () => this.#refresh());
  }

  #cover() {
    part("work").hidden = true;
    this.#settle();
  }

  #showNext() {
    this.#hands = next(this.#hands);
    const { item, session } = this.#hands;
    const sinceBreak = item !== null && session.phase === "work" ? dueBreak(this.#study.break_every) : 0;
    if (item !== null && sinceBreak === 0) return this.#show(item);
    this.#clock.pause();
    this.#cover();
    if (sinceBreak > 0) return this.#screens.takeBreak(sinceBreak, () => this.#show(item));
    this.#screens.moment();
    if (this.#outbox.entries.length === 0) this.#refreshSoon();
  }

  #refreshSoon() {
    setTimeout(() => { if (this.#item === null) this.#refresh(); }, 1000);
  }

  #show(item) {
    const draft = draftOf(item.token);
    const given = draft ?? item.given;
    this.#hands = { ...this.#hands, item };
    this.#extras.begin(given);
    this.#clock.reset(draft?.elapsed_ms ?? 0);
    this.#screens.hide();
    this.#settle();
    part("work").hidden = false;
    part("correcting").hidden = !this.#isCorrecting;
    if (this.#isCorrecting) setText(part("correcting"), t("correcting"));
    setText(part("submitText"), t(this.#isCorrecting ? "submit.correction" : "submit"));
    this.#say("");
    this.#viewer.show(item);
    this.#marking?.begin(item, given?.marks);
    this.#isMarkLast = false;
    this.#form.begin(item, given, this.#isCorrecting);
    this.#viewer.scrollToStart();
    this.#drawSubmit();
    this.#preload();
    speak(t("spoken", { count: number(this.#hands.session.progress.done + this.#uncounted + 1), prompt: item.prompt }));
  }

  #preload() {
    const { item, aside, ahead } = this.#hands;
    this.#viewer.preload([item, aside, ...ahead].filter((one) => one !== null));
  }

  #onReady() {
    this.#clock.run();
    if (part("message").dataset.kind === "missing") this.#say("");
    requestAnimationFrame(() => performance.mark("shown", { detail: this.#item?.token }));
  }

  /** The server may find that the image is gone, and hand out another item: ask it once. */
  #onBroken() {
    this.#clock.pause();
    const hands = askedAbout(this.#hands);
    if (hands === null) return;
    this.#hands = hands;
    setTimeout(() => this.#refresh());
  }

  #say(text, kind = "") {
    setText(part("message"), text);
    part("message").dataset.kind = kind;
  }

  /** What the scores have to say of a key; null where there is nothing. */
  #tell(note) {
    if (note !== null) this.#say(t(note.key, note.values), "typing");
    else if (part("message").dataset.kind === "typing") this.#say("");
  }

  #drawSubmit() {
    part("submit").classList.toggle("ready", this.#form.missing.length === 0);
  }

  // ---- What the annotator does ----

  #changed() {
    this.#keepDraft();
    this.#drawSubmit();
    if (part("message").dataset.kind === "missing") this.#say("");
  }

  #given() {
    const marks = this.#marking === null ? {} : { marks: this.#marking.given };
    return { ...this.#form.scores, ...this.#extras.given, ...marks };
  }

  #keepDraft() {
    if (!this.#isRating || this.#hands.awaited !== null) return;
    const given = this.#given();
    const { sketches } = this.#form;
    const touched = this.#extras.isTouched || this.#marking?.isTouched || Object.keys({ ...given.values, ...given.reasons, ...sketches }).length > 0;
    if (touched) saveDraft(this.#item.token, { ...given, sketches, elapsed_ms: this.#clock.elapsed });
    else dropDraft(this.#item.token);
  }

  async #excuse(row) {
    const answer = await askReason(this.#study.reasons, row.label);
    if (answer !== null) this.#form.excuse(row, answer.reason, answer.all);
  }

  #submit() {
    if (!this.#isRating || this.#hands.awaited !== null) return;
    this.#form.settle();
    const missing = this.#form.missing;
    if (missing.length > 0) {
      const names = missing.map((row) => row.label).join(t("list.comma"));
      this.#say(this.#asksQuestions ? t("missing.answers", { names }) : t("missing", { names }), "missing");
      this.#form.goTo(missing[0]);
      missing[0].reveal();
      return;
    }
    const given = this.#given();
    const unmarked = this.#marking?.missing ?? "";
    if (unmarked !== "" && Object.keys(given.values).length > 0) {
      this.#say(unmarked, "missing");
      part("marking").scrollIntoView({ block: "nearest" });
      return;
    }
    if (!this.#viewer.isReady && Object.keys(given.values).length > 0) {
      this.#say(this.#asksQuestions ? t("missing.imageOfQuestions") : t("missing.image"), "missing");
      return;
    }
    if (!this.#viewer.wasSeen) {
      this.#say(t("missing.sight"), "missing");
      this.#viewer.bringIntoSight(t("missing.sight"));
      return;
    }
    performance.clearMarks(); // hours of them would add up
    performance.mark("submitted");
    const { token } = this.#item;
    const correction = this.#isCorrecting;
    const about = { prompt: this.#item.prompt, questions: this.#item.questions, at: new Date().toISOString() };
    const entry = this.#outbox.add(token, { ...given, duration_ms: this.#clock.elapsed }, about);
    dropDraft(token);
    this.#clock.pause();
    if (correction) this.#resume();
    else if (isPractice(this.#hands.session.phase)) {
      this.#hands = awaiting(this.#hands, entry);
      this.#say(t("sending"));
    } else {
      countForBreak();
      this.#showNext();
    }
    this.#showProgress();
  }

  /** To the item that was completed before the one on the screen. */
  async #back() {
    if (this.#hands.left || this.#hands.awaited !== null) return;
    if (this.#isRating) this.#form.settle();
    this.#keepDraft();
    await this.#outbox.flush();
    if (this.#outbox.entries.length > 0) return;
    const from = this.#isCorrecting ? this.#item.token : "now";
    let before;
    try {
      before = (await call(`item/${from}/before`)).item;
    } catch (refusal) {
      this.#onHeld(refusal);
      return;
    }
    if (before === null) {
      this.#say(t("back.none"));
      return;
    }
    this.#hands = wentBack(this.#hands, before);
    this.#show(before);
  }

  /** Leave a correction without making it. */
  #forward() {
    if (!this.#isCorrecting) return false;
    dropDraft(this.#item.token);
    this.#resume();
    return true;
  }

  #resume() {
    this.#hands = resumed(this.#hands);
    if (this.#item !== null) return this.#show(this.#item);
    this.#take(this.#hands.session);
  }
}
