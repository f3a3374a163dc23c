// Before anything is drawn: that there are scripts, and the reader's choice of light or dark.
"use strict";

{
  const root = document.documentElement;
  root.classList.add("scripted");
  try {
    const theme = localStorage.getItem("nami-site-theme");
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  } catch {
    // A browser that keeps nothing: the system's choice holds.
  }
}
