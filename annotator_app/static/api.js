// Requests to the server, and what it means when they fail.

const PATIENCE_MS = 20_000;
const FOR_NOW = new Set(["paused", "closed"]);

/** Why a request got no good answer; `status` 0: there was none at all. */
export class Refusal extends Error {
  constructor(status, code, message, isFinal = false) {
    super(message);
    this.status = status;
    this.code = code;
    this.isFinal = isFinal;
  }

  /**
   * Worth sending again as it is: connection, server, or something between them was at fault. No status
   * says otherwise, for proxies answer 400, 403, 404 and 413 of their own accord.
   */
  get isPassing() {
    return !this.isFinal && !this.isSignedOut && !FOR_NOW.has(this.code);
  }

  get isSignedOut() {
    return this.code === "not_signed_in";
  }
}

/**
 * GET, or POST where there is a body; the answer's JSON. Throws Refusal, with isFinal where the server says so,
 * after `patience` milliseconds at the latest.
 */
export async function call(path, body, patience = PATIENCE_MS) {
  const options = { signal: AbortSignal.timeout(patience) };
  if (body !== undefined) {
    options.method = "POST";
    options.headers = { "Content-Type": "application/json" };
    options.body = JSON.stringify(body);
  }
  let response;
  let answer;
  try {
    response = await fetch(path, options);
    answer = await response.json();
  } catch (error) {
    throw new Refusal(response?.ok === false ? response.status : 0, "no_connection", String(error));
  }
  if (!response.ok) throw new Refusal(response.status, answer?.code ?? "", answer?.error ?? "", answer?.final === true);
  return answer;
}
