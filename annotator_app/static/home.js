// Where the app stands: the parent of this program's folder, however deep the page and whatever is before it.

const HOME = new URL("../", import.meta.url);

/** The address of one of the app's own pages, wherever this page is. */
export function at(page) {
  return new URL(page, HOME).href;
}

/** To the log-in, and afterwards back here where this is a study's page. */
export function logInAddress() {
  const here = location.pathname.slice(HOME.pathname.length);
  return at(here.startsWith("study/") ? `login?to=${encodeURIComponent(here)}` : "login");
}
