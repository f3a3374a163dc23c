// Ratings that an older version of these pages left unsent, under a key that all workspaces of one host shared.

import { call } from "./api.js";
import { EVERYWHERE, load, save } from "./storage.js";

const AGAIN_MS = 5000;

/**
 * Move those of `annotator` in `study` that are this server's into its own outbox. Whose an entry is, the server
 * says by its token: what it does not know stays for the workspace that does. `arrived` is called when more came
 * later, because the server did not answer at once.
 */
export async function takeOverOlder(annotator, study, arrived) {
  const key = `outbox/${annotator}/${study}`;
  const entries = load(key, [], EVERYWHERE);
  let unanswered = false;
  for (const entry of entries) {
    try {
      await call(`item/${encodeURIComponent(entry.token)}/before`);
    } catch (refusal) {
      unanswered ||= refusal.isPassing;
      continue;
    }
    const isHere = load(key, []).some((kept) => kept.body.client_token === entry.body.client_token);
    if (!isHere && !save(key, [...load(key, []), entry])) return; // it would be gone with the page
    const others = load(key, [], EVERYWHERE).filter((kept) => kept.body.client_token !== entry.body.client_token);
    save(key, others, EVERYWHERE);
  }
  if (unanswered) setTimeout(async () => { await takeOverOlder(annotator, study, arrived); arrived(); }, AGAIN_MS);
}
