// Scores that are not submitted yet, kept by item, so that a reload or a crash loses nothing.

import { claim, drop, keys, load, save } from "./storage.js";

const KEPT_DAYS = 14;

/** What was given to an item so far: {values, reasons, flag, comment, elapsed_ms}, or null. */
export function draftOf(token) {
  claim(`draft/${token}`);
  return load(`draft/${token}`);
}

export function saveDraft(token, draft) {
  save(`draft/${token}`, { ...draft, at: Date.now() });
}

export function dropDraft(token) {
  drop(`draft/${token}`);
}

/** Forget drafts of items that nobody came back to. */
export function tidyDrafts() {
  const oldest = Date.now() - KEPT_DAYS * 86_400_000;
  for (const key of keys("draft/")) {
    if ((load(key)?.at ?? 0) < oldest) drop(key);
  }
}
