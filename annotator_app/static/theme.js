// Light or dark: as the system says, unless a button (data-part="theme") chose. Runs before the
// page is drawn, so it is no module.
(() => {
  const KEY = "nami/theme";
  const system = matchMedia("(prefers-color-scheme: dark)");
  let chosen = null;
  try {
    chosen = localStorage.getItem(KEY);
  } catch {
    // The system's choice, then.
  }
  const current = () => chosen ?? (system.matches ? "dark" : "light");
  const apply = () => { document.documentElement.dataset.theme = current(); };
  system.addEventListener("change", apply);
  apply();

  document.addEventListener("click", ({ target }) => {
    if (!(target instanceof Element && target.closest('[data-part="theme"]'))) return;
    chosen = current() === "dark" ? "light" : "dark";
    try {
      if ((chosen === "dark") === system.matches) {
        localStorage.removeItem(KEY); // the system's choice again: follow it from now on
        chosen = null;
      } else {
        localStorage.setItem(KEY, chosen);
      }
    } catch {
      // It lasts until the page is left.
    }
    apply();
  });
})();
