// Keeps what is written in this browser: each tab its own draft, found again after a reload; what
// other tabs left behind is offered.

const PREFIX = "pawl.draft.";
const MINE = "pawl.draft";
const MOST = 10;

let id = sessionStorage.getItem(MINE) ?? renamed();
let parted = () => {};

function renamed() {
  const fresh = token();
  sessionStorage.setItem(MINE, fresh);
  return fresh;
}

// A word that nobody else has; also where the page came over plain http.
export function token() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

// Calls `told` when what this tab has written has no draft any more, since another tab has taken its name.
export function listen(told) {
  parted = told;
}

export function mine() {
  return parsed(localStorage.getItem(PREFIX + id));
}

// False where the browser has no room for it.
export function keep(draft) {
  try {
    localStorage.setItem(PREFIX + id, JSON.stringify({ ...draft, time: Date.now() }));
    for (const { key } of left().slice(MOST)) localStorage.removeItem(key);
    return true;
  } catch {
    return false;
  }
}

export function drop() {
  localStorage.removeItem(PREFIX + id);
  id = renamed();
}

// Leaves this tab's draft to be taken up later, and begins another. What it returns goes back.
export function aside() {
  const before = id;
  id = renamed();
  return () => {
    localStorage.removeItem(PREFIX + id);
    id = before;
    sessionStorage.setItem(MINE, id);
  };
}

// Drafts of other tabs, the newest first.
export function left() {
  const found = [];
  for (let index = 0; index < localStorage.length; index += 1) {
    const key = localStorage.key(index);
    const draft = key.startsWith(PREFIX) && key !== PREFIX + id ? parsed(localStorage.getItem(key)) : null;
    if (draft) found.push({ key, draft });
  }
  return found.sort((one, other) => other.draft.time - one.draft.time);
}

// Keys of all there are, this tab's too.
export function all() {
  return Object.keys(localStorage).filter((key) => key.startsWith(PREFIX));
}

// Makes a draft of another tab this one's.
export function take({ key, draft }) {
  localStorage.removeItem(key);
  return draft;
}

export function discard({ key }) {
  localStorage.removeItem(key);
}

// A tab that was duplicated writes the same draft: from then on each keeps its own.
addEventListener("storage", (event) => {
  if (event.key !== PREFIX + id || event.newValue === null) return;
  id = renamed();
  parted();
});

function parsed(text) {
  try {
    const draft = JSON.parse(text);
    return typeof draft?.payload === "object" && draft.payload !== null ? draft : null;
  } catch {
    return null;
  }
}
