// A judge's answers: each image with its questions, each of them below what it depends on.
"use strict";

(function () {
  const { data, make, notFound, offer, show } = window.browserPage;
  const MARKS = { right: ["good", "✓"], wrong: ["bad", "✗"], zeroed: ["zeroed", "–"] };

  // What stands where in the data is said here, in `questionOf` and in `answerOf`.
  const categories = data.categories.map(([detail, broad]) => ({ detail: detail || "(none)", broad: broad || "(none)" }));
  const items = data.items.map(([id, prompt, questions]) => ({
    id, prompt, sought: prompt.toLowerCase(), questions: questions.map(questionOf),
  }));
  const images = data.rows.map(([item, place, file, score, reason, answers]) => ({
    item: items[item], place, file, score, reason, answers: answers.map(answerOf),
  }));
  let asked = {};

  function questionOf([depth, id, text, category, expected, remark]) {
    return { depth, id, text, category: categories[category], expected, remark };
  }

  function answerOf([text, probability, score, why, cut]) {
    return { text, probability, score, why, cut, verdict: why ? "zeroed" : score > 0 ? "right" : "wrong" };
  }

  function isNeither(answer) {
    return answer.text !== "yes" && answer.text !== "no";
  }

  // Whether a question is what the filters of questions ask for.
  function fits(question, answer) {
    return (!asked.category || question.category.broad === asked.category)
      && (!asked.detail || question.category.detail === asked.detail)
      && (!asked.verdict || (asked.verdict === "neither" ? isNeither(answer) : answer.verdict === asked.verdict));
  }

  function isFiltered() {
    return Boolean(asked.category || asked.detail || asked.verdict);
  }

  function fitting(image) {
    return image.item.questions.filter((question, at) => fits(question, image.answers[at])).length;
  }

  // Those without a score come last, whichever way the others are ordered.
  function inOrder(found) {
    if (asked.order === "judged") return found;
    const sign = asked.order === "best" ? -1 : 1;
    const last = (image) => (image.score === null ? 1 : 0);
    return found.sort((a, b) => last(a) - last(b) || sign * (a.score - b.score));
  }

  function select(filters) {
    asked = filters;
    return inOrder(images.filter((image) => image.item.sought.includes(filters.search)
      && (!isFiltered() || fitting(image) > 0)));
  }

  function count(shown) {
    const scores = shown.flatMap((image) => (image.score === null ? [] : [image.score]));
    const parts = [`${shown.length} of ${images.length} images`];
    if (scores.length) parts.push(`mean score ${(scores.reduce((sum, score) => sum + score) / scores.length).toFixed(1)}`);
    if (isFiltered()) parts.push(`${shown.reduce((sum, image) => sum + fitting(image), 0)} questions marked`);
    return parts.join(", ");
  }

  function said(answer) {
    if (answer.text === null) return "no answer";
    return isNeither(answer) ? `“${answer.text}”, neither yes nor no` : answer.text;
  }

  function details(question, answer) {
    const parts = [`score ${answer.score}`, question.category.detail];
    if (answer.probability !== null) parts.unshift(`P(${question.expected || "yes"}) ${answer.probability}`);
    if (question.expected) parts.push(`expected: ${question.expected}`);
    if (answer.why) parts.push(answer.why);
    if (question.remark) parts.push(question.remark);
    if (answer.cut) parts.push("the judge did not read the question to its end");
    return parts.map((word) => ` · ${word}`).join("");
  }

  function entry(question, answer) {
    const [kind, mark] = MARKS[answer.verdict];
    const marked = isFiltered() && fits(question, answer) ? " fits" : "";
    return make("li", {}, make("div", { class: "asked" + marked },
      make("b", { class: kind }, mark),
      make("span", answer.verdict === "zeroed" ? { class: "zeroed" } : {}, `${question.id}. ${question.text}`),
      make("span", { class: "meta" }, make("span", { class: "answer" }, said(answer)), details(question, answer))));
  }

  // Lists within lists; those that are still open stand in `open`, the deepest last.
  function tree(image) {
    const open = [make("ul")];
    image.item.questions.forEach((question, at) => {
      open.splice(question.depth + 1);
      if (open.length === question.depth) {
        const list = make("ul");
        open.at(-1).lastElementChild.append(list);
        open.push(list);
      }
      open.at(-1).append(entry(question, image.answers[at]));
    });
    return open[0];
  }

  function picture(image) {
    if (!image.file) return notFound();
    return make("figure", {}, make("img", { src: image.file, alt: image.place, loading: "lazy" }));
  }

  function words(image) {
    const verdicts = image.answers.map((answer) => answer.verdict);
    const counted = ["right", "wrong", "zeroed"].map((kind) => verdicts.filter((verdict) => verdict === kind).length);
    const score = image.score === null ? `no score: ${image.reason}` : image.score.toFixed(1);
    const zeroed = counted[2] ? `, ${counted[2]} not counted` : "";
    return make("div", { class: "text" },
      make("p", { class: "meta" }, make("b", { class: "score" }, score),
        ` · ${counted[0]} right, ${counted[1]} wrong${zeroed} · ${image.place}`),
      make("p", { class: "prompt" }, image.item.prompt),
      tree(image));
  }

  offer("category", categories.map((category) => category.broad).sort());
  offer("detail", categories.map((category) => category.detail).sort());
  show({
    select,
    count,
    card: (image) => [picture(image), words(image)],
    large: (image) => [picture(image), words(image)],
  });
})();
