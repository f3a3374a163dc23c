// Where the app stands: the parent of this program's folder, however deep the page and whatever is before it.

const HOME = new URL("../", import.meta.url);

/** The address of one of the app's own pages, wherever this page is. */
export function at(page) {
  return new URL(page, HOME).href;
}

/** What the door of a study keeps for as long as this tab is there. @param {string} study */
export function kept(study) {
  return `nami/join/${study}`;
}

/** Whether somebody came into a study by its door, in this tab: they have no name and token to log in with. */
function cameByThemselves(study) {
  try {
    return sessionStorage.getItem(kept(study)) !== null;
  } catch {
    return false;
  }
}

/** To the log-in, and afterwards back here where this is a study's page. */
export function logInAddress() {
  const here = location.pathname.slice(HOME.pathname.length);
  const [, study] = /^study\/([^/]+)\//.exec(here) ?? [];
  if (study !== undefined && cameByThemselves(decodeURIComponent(study))) return at(`join/${study}`);
  return at(here.startsWith("study/") ? `login?to=${encodeURIComponent(here)}` : "login");
}
