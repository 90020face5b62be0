// How pages ask the dashboard: with the session's word, and failures as sentences for people.

const word = document.documentElement.dataset.csrf;
const PATIENCE = 60000;
let parting = false;

// What the dashboard, or a service behind it, said no to.
export class Refused extends Error {
  constructor(status, answer) {
    super(answer.message?.trim() || `The dashboard answered ${status}.`);
    this.status = status;
    this.reason = answer.reason ?? "";
    this.answer = answer;
  }
}

// Nobody was there, or did not answer in time, or not to the end.
export class Unanswered extends Error {
  constructor() {
    super("The dashboard does not answer.");
  }
}

// Whether who looks at the page is logging out: then no answer leads to the login that comes back here.
export function part(now) {
  parting = now;
}

// What `read` makes of an answer. Throws Refused or Unanswered; who has no session is led to the login.
export async function ask(path, { signal, ...request }, read) {
  const limits = [AbortSignal.timeout(PATIENCE), ...(signal ? [signal] : [])];
  try {
    const answer = await fetch(path, { ...request, signal: AbortSignal.any(limits) });
    if (answer.status === 401 && !parting) {
      location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search + location.hash)}`);
    }
    if (!answer.ok && answer.type !== "opaqueredirect") throw new Refused(answer.status, await told(answer));
    return await read(answer);
  } catch (error) {
    // What a browser says of a request that found nobody is for no person's eyes.
    throw error instanceof Refused ? error : new Unanswered();
  }
}

export async function send(method, path, body, { signal } = {}) {
  const request = {
    method,
    signal,
    headers: {
      Accept: "application/json",
      ...(method === "GET" ? {} : { "X-Pawl-CSRF": word }),
      ...(body === undefined ? {} : { "Content-Type": "application/json" }),
    },
    body: body === undefined ? undefined : JSON.stringify(body),
    redirect: method === "GET" ? "error" : "manual",
  };
  return ask(path, request, (answer) => (answer.type === "opaqueredirect" ? null : told(answer)));
}

// A piece of a page that the server has rendered, as nodes that are not in the page yet.
export async function piece(path, { signal } = {}) {
  return ask(path, { signal, headers: { Accept: "text/html", "X-Pawl-Piece": "1" } }, async (answer) => {
    if (answer.redirected) {
      // To the login, whose page is no piece of this one.
      if (!parting) location.reload();
      throw new Refused(401, { message: "Log in." });
    }
    return new DOMParser().parseFromString(await answer.text(), "text/html").body.childNodes;
  });
}

// What an answer says; a page, such as a proxy's of its own, says nothing that could be shown.
async function told(answer) {
  const type = answer.headers.get("Content-Type") ?? "";
  if (type.startsWith("application/json")) return answer.json();
  return type.startsWith("text/plain") ? { message: await answer.text() } : {};
}
