// Requests to the server, and what it means when they fail.

const PATIENCE_MS = 20_000;

/** Why a request got no good answer; `status` 0: there was none at all. */
export class Refusal extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }

  /** Worth sending again as it is: the connection or the server was at fault, not the request. */
  get isPassing() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }

  get isSignedOut() {
    return this.status === 401;
  }
}

/** GET, or POST where there is a body; the answer's JSON. Throws Refusal. */
export async function call(path, body) {
  const options = { signal: AbortSignal.timeout(PATIENCE_MS) };
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
  if (!response.ok) throw new Refusal(response.status, answer.code ?? "", answer.error ?? "");
  return answer;
}
