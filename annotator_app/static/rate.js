// The rating screen: shows one item, collects its scores, sends them, shows the next.
//
// A slider has no default position: until it is moved or pressed, its criterion is not rated.
// All texts from the server go in as text, never as HTML.

const OFFLINE = "The server does not answer. Your scores are still here: press Submit again in a moment.";
const DAY_MS = 86_400_000; // the server takes no more

/** Run the screen inside `root`, the element that holds rate.html. */
export function start(root) {
  const part = (name) => root.querySelector(`[data-part="${name}"]`);
  let token = null;
  let rows = [];
  let sending = false;
  const clock = stopwatch();

  part("study").textContent = document.title;
  part("image").addEventListener("load", () => { showBroken(false); clock.start(); });
  part("image").addEventListener("error", () => showBroken(true));
  part("retry").addEventListener("click", () => refresh());
  part("scores").addEventListener("submit", (event) => { event.preventDefault(); submit(); });
  refresh().then(showInstructions);

  /** Newcomers find the instructions open. */
  function showInstructions() {
    if (token !== null && part("progress").value === 0) document.querySelector("#instructions button")?.click();
  }

  function showBroken(broken) {
    part("broken").hidden = !broken;
    part("image").hidden = broken;
  }

  function say(text, kind = "") {
    part("message").textContent = text;
    part("message").dataset.kind = kind;
  }

  /** Ask which item is in hand; scores already given to it stay. */
  async function refresh(notice = "") {
    const answer = await call("item");
    if (!answer.ok) {
      part("work").hidden = false;
      say(answer.error, "problem");
      return;
    }
    say(notice, "problem");
    show(answer.body);
  }

  function show(state) {
    part("annotator").textContent = state.annotator;
    part("count").textContent = `${state.done} of ${state.total}`;
    part("progress").max = Math.max(state.total, 1);
    part("progress").value = state.done;
    part("work").hidden = state.item === null;
    part("finished").hidden = state.item !== null;
    if (state.item === null) {
      finish(state);
    } else if (state.item.token === token) {
      part("image").src = `item/${token}.png?again=${Date.now()}`;
    } else {
      begin(state.item, state.reasons);
    }
  }

  function begin(item, reasons) {
    token = item.token;
    clock.reset();
    part("prompt").textContent = item.prompt;
    part("prompt").classList.toggle("long", item.prompt.length > 350);
    part("prompt").scrollTop = 0;
    part("image").hidden = true; // the last image must not stand under this prompt
    part("broken").hidden = true;
    part("image").src = `item/${token}.png`;
    rows = item.criteria.map((criterion) => criterionRow(criterion, reasons, onRated));
    part("criteria").replaceChildren(...rows.map((row) => row.element));
    part("criteria").scrollTop = 0;
    onRated();
  }

  function finish(state) {
    token = null;
    rows = [];
    const left = state.total - state.done;
    part("farewell").textContent = left === 0
      ? `You have rated ${state.done} images; nothing is left for you in this study.`
      : `You have rated ${state.done} of ${state.total} images. The other ${left} cannot be shown at the moment: please tell the organizer.`;
    part("finished").focus();
  }

  function onRated() {
    const complete = rows.every((row) => row.score() !== null);
    part("submit").classList.toggle("ready", complete);
    if (part("message").dataset.kind === "missing") say("");
  }

  async function submit() {
    if (token === null) { refresh(); return; }
    const missing = rows.filter((row) => row.score() === null);
    if (missing.length > 0) {
      say(`Not rated yet: ${missing.map((row) => row.name).join(", ")}.`, "missing");
      missing[0].focus();
      return;
    }
    if (part("image").hidden && rows.some((row) => typeof row.score() === "number")) {
      say("The image is not there yet: wait for it, or choose “image does not load”.", "missing");
      return;
    }
    if (sending) return;
    sending = true;
    part("submit").classList.remove("ready");
    const answer = await call(`item/${token}`, scoresOf(rows, clock.elapsed()));
    if (answer.ok) {
      await refresh();
      rows[0]?.focus();
    } else if (answer.status === 400) {
      await refresh(answer.error); // refused for good: whatever is in hand now comes next
    } else {
      say(answer.error, "problem");
      onRated();
    }
    sending = false;
  }
}

function scoresOf(rows, duration) {
  const scores = { values: {}, reasons: {}, duration_ms: duration };
  for (const row of rows) {
    const score = row.score();
    if (typeof score === "number") scores.values[row.name] = score;
    else scores.reasons[row.name] = score;
  }
  return scores;
}

/** One criterion: `score()` is a number, a reason (string) for having none, or null while unrated. */
function criterionRow(criterion, reasons, onRated) {
  const id = `criterion-${criterion.name}`;
  const title = make("span", { className: "name", id, textContent: criterion.name });
  const shown = make("output", { className: "value" });
  const slider = make("input", {
    type: "range",
    min: criterion.minimum,
    max: criterion.maximum,
    step: criterion.step,
    value: (criterion.minimum + criterion.maximum) / 2,
  });
  slider.setAttribute("aria-labelledby", id);
  const excuse = make("select", { className: "excuse" });
  excuse.setAttribute("aria-label", `${criterion.name}: cannot judge, because`);
  excuse.append(new Option("can’t judge …", ""), ...reasons.map((reason) => new Option(reason, reason)));
  const anchors = make("ol", { className: "anchors" });
  anchors.style.setProperty("--count", Math.max(criterion.anchors.length, 1));
  for (const [at, words] of criterion.anchors) {
    const anchor = make("li", {});
    anchor.append(make("b", { textContent: at }), ` ${words}`);
    anchors.append(anchor);
  }
  const head = make("div", { className: "head" });
  head.append(title, shown, excuse);
  const element = make("div", { className: "criterion" });
  element.style.setProperty("--anchors", criterion.anchors.length > 1 ? criterion.anchors.length : 1000);
  element.setAttribute("role", "group");
  element.setAttribute("aria-labelledby", id);
  element.append(head, slider, anchors);

  let score = null;
  function draw() {
    const value = score;
    const state = value === null ? "unrated" : typeof value === "number" ? "rated" : "excused";
    element.dataset.state = state;
    shown.textContent = { unrated: "not rated yet", rated: value, excused: "can’t judge" }[state];
    slider.setAttribute("aria-valuetext", state === "rated" ? `${value}` : shown.textContent);
    const span = criterion.maximum - criterion.minimum;
    slider.style.setProperty("--fill", state === "rated" ? `${(100 * (value - criterion.minimum)) / span}%` : "0%");
    if (state !== "excused") excuse.value = "";
  }
  function set(value) {
    score = value;
    draw();
    onRated();
  }
  const rate = () => set(slider.valueAsNumber);
  slider.addEventListener("input", rate);
  // A press exactly where the hidden thumb waits moves nothing, and is meant all the same.
  slider.addEventListener("pointerup", rate);
  excuse.addEventListener("change", () => set(excuse.value === "" ? null : excuse.value));
  draw();
  return { name: criterion.name, element, score: () => score, focus: () => slider.focus() };
}

function make(tag, properties) {
  return Object.assign(document.createElement(tag), properties);
}

/** Milliseconds while the page was visible, from `start` on. */
function stopwatch() {
  let since = null;
  let total = 0;
  let running = false;
  const tick = () => {
    if (since !== null) total += performance.now() - since;
    since = running && !document.hidden ? performance.now() : null;
  };
  document.addEventListener("visibilitychange", tick);
  return {
    reset() { running = false; tick(); total = 0; },
    start() { running = true; tick(); },
    elapsed() { tick(); return Math.round(Math.min(total, DAY_MS)); },
  };
}

/** GET, or POST where there is a body: {ok, status, body, error}; leaves for the log-in page if need be. */
async function call(path, body) {
  const options = body === undefined ? {} : {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  };
  try {
    const response = await fetch(path, options);
    if (response.status === 401) location.assign("login");
    const answer = response.status === 204 ? null : await response.json();
    return { ok: response.ok, status: response.status, body: answer, error: answer?.error };
  } catch {
    return { ok: false, status: 0, error: OFFLINE };
  }
}
