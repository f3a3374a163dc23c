// Around the owner's console, which Gradio draws: its theme follows ours, the address keeps the study, and
// a session that ended is said in words. Runs before Gradio's scripts, so it is no module.
(() => {
  /** Gradio goes by a class of the body, which it sets as the system says; theme.js knows better. */
  const follow = () => document.body?.classList.toggle("dark", document.documentElement.dataset.theme === "dark");
  const watched = new MutationObserver(follow);
  watched.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  document.addEventListener("DOMContentLoaded", () => {
    watched.observe(document.body, { attributeFilter: ["class"] });
    follow();
    keepStudy(selected());
  });

  const selected = () => new URLSearchParams(location.search).get("study");

  /** Another study is at hand: in this page's address, and in the links to the other pages. */
  function keepStudy(study) {
    if (study === null || study === selected()) return;
    const address = new URL(location.href);
    address.searchParams.set("study", study);
    history.replaceState(history.state, "", address);
  }

  // The bar's links know nothing of the study.
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("a[href]") : null;
    const study = selected();
    const pages = new URL(".", location.href);
    if (!(link instanceof HTMLAnchorElement) || study === null || link.target !== "" || !link.href.startsWith(pages.href)) return;
    const address = new URL(link.href);
    if (address.pathname.slice(pages.pathname.length).includes("/") || address.searchParams.has("study")) return;
    address.searchParams.set("study", study);
    link.href = address.href;
  }, true);

  // An item of the gallery is chosen as if its number were typed, with Enter; with Ctrl and the like it is a
  // link.
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("a[data-item]") : null;
    const field = document.querySelector("#item :is(input, textarea)");
    if (!(link instanceof HTMLElement) || !(field instanceof HTMLInputElement || field instanceof HTMLTextAreaElement)) return;
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    field.value = link.dataset.item ?? "";
    field.dispatchEvent(new Event("input", { bubbles: true }));
    setTimeout(() => field.dispatchEvent(new KeyboardEvent("keypress", { key: "Enter", bubbles: true })));
  });

  // A file of the owner's computer goes into a field: it is sent when the field is, and lies nowhere.
  document.addEventListener("change", async (event) => {
    const input = event.target;
    if (!(input instanceof HTMLInputElement) || input.dataset.into === undefined) return;
    const [file] = input.files ?? [];
    const field = document.getElementById(input.dataset.into)?.querySelector("textarea");
    if (file === undefined || !(field instanceof HTMLTextAreaElement)) return;
    field.value = await file.text();
    field.dispatchEvent(new Event("input", { bubbles: true }));
    input.value = "";
  });

  /** Nothing on the page is kept up to date any more: say so, above everything. */
  function tellEnd() {
    if (document.querySelector(".console-ended") !== null) return;
    const bar = document.createElement("p");
    bar.className = "console-ended";
    bar.setAttribute("role", "alert");
    const link = document.createElement("a");
    link.href = `../login?to=${encodeURIComponent(`admin/${location.pathname.split("/").pop()}${location.search}`)}`;
    link.textContent = "Log in again";
    bar.append("Your session has ended. What you see is not up to date, and buttons do nothing. ", link);
    document.body.prepend(bar);
  }

  const ask = window.fetch;
  window.fetch = async (...request) => {
    const answer = await ask(...request);
    const isOurs = new URL(answer.url || location.href).origin === location.origin;
    if (isOurs && (answer.status === 401 || answer.status === 403)) tellEnd();
    return answer;
  };

  Object.assign(window, { nami: { keepStudy } });
})();
