// Logs in by a request of our own: of a plain form, the browser would not say where it comes from.
import { ask } from "./calls.js";

const form = document.getElementById("login");
const problem = document.getElementById("problem");

async function enter() {
  await ask("/login", { method: "POST", body: new URLSearchParams(new FormData(form)), redirect: "manual" }, () => null);
  location.assign(form.elements.next.value);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  enter().catch((error) => {
    problem.textContent = error.message;
    problem.hidden = false;
    form.elements.token.select();
  });
});

// The link that `pawl up` prints has the token behind the #, which no server and no log ever gets.
// Where this page is open already, following the link changes the # alone.
function enterByLink() {
  const token = location.hash.slice(1);
  if (!token) return;
  history.replaceState(null, "", location.pathname + location.search);
  form.elements.token.value = decoded(token);
  form.requestSubmit();
}

// An operator's token may hold what a link cannot.
function decoded(token) {
  try {
    return decodeURIComponent(token);
  } catch {
    return token;
  }
}

addEventListener("hashchange", enterByLink);
enterByLink();
