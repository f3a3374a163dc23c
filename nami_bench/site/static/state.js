// What the reader chose, in the address: a link shows the same again.

/** The state in an address' fragment: texts by name. */
export function readState(fragment) {
  return Object.fromEntries(new URLSearchParams(fragment.replace(/^#/, "")));
}

/** The fragment for a state; what is as in `usual`, or empty, is left out. */
export function writeState(state, usual = {}) {
  const said = Object.entries(state).filter(([key, value]) => value !== "" && value !== (usual[key] ?? ""));
  return said.length ? `#${new URLSearchParams(said)}` : "";
}

/** Put the state into the address without a step in the history. */
export function keepState(state, usual) {
  const fragment = writeState(state, usual);
  history.replaceState(null, "", fragment || location.pathname + location.search);
}
