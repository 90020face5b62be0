// Keeps a part of a page up to date while somebody looks at it.
import { piece } from "./calls.js";
import { liken } from "./likeness.js";
import { localised } from "./local.js";
import { visible } from "./text.js";

const EVERY = 3000;
const SLOWEST = 30000;
const LIMIT = 10000;
const part = document.querySelector("[data-renewed]");
const connection = document.getElementById("connection");
let wait = EVERY;
let timer;
let asking;

// Asks anew, at once, and then again and again; what was asked for before counts no more.
async function renew() {
  clearTimeout(timer);
  asking?.abort();
  if (document.hidden) return;
  const mine = new AbortController();
  asking = mine;
  let sentence = "";
  try {
    const nodes = await piece(location.href, { signal: AbortSignal.any([mine.signal, AbortSignal.timeout(LIMIT)]) });
    if (mine.signal.aborted) return;
    const fresh = document.createElement("div");
    fresh.append(...nodes);
    localised(fresh);
    liken(part, fresh);
    wait = EVERY;
  } catch (error) {
    if (mine.signal.aborted) return;
    wait = Math.min(2 * wait, SLOWEST);
    sentence = visible(`${error.message} Trying again.`);
  }
  connection.textContent = sentence;
  connection.hidden = !sentence;
  timer = setTimeout(renew, wait);
}

// A link that only changes what is shown in the part leaves the page, and the focus, where it is.
part.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-renews]");
  if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  if (link.href !== location.href) history.pushState(null, "", link.href);
  renew();
});
addEventListener("popstate", renew);
document.addEventListener("visibilitychange", renew);
localised(part);
timer = setTimeout(renew, EVERY);
