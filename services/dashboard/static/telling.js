// One line at the page's foot that says what has just happened, with a way back where there is one.
import { visible } from "./text.js";

const place = document.getElementById("told");
const STAYS = 8000;
const LONG = 3; // seconds
let timer;
let ticking;

export function tell(sentence, undo) {
  hold(sentence);
  if (undo) {
    const back = document.createElement("button");
    back.type = "button";
    back.textContent = "Undo";
    back.addEventListener("click", undo);
    place.append(" ", back);
  }
  timer = setTimeout(clear, undo ? 2 * STAYS : STAYS);
}

// Stays until something else is told.
export function hold(sentence) {
  clearTimeout(timer);
  clearInterval(ticking);
  place.replaceChildren(visible(sentence));
}

// The same of what is waited for; a long wait says how long it has been.
export function attend(sentence) {
  hold(sentence);
  const took = document.createElement("span");
  took.ariaHidden = "true"; // heard once, not each second
  place.append(took);
  const since = performance.now();
  ticking = setInterval(() => {
    const seconds = Math.round((performance.now() - since) / 1000);
    if (seconds >= LONG) took.textContent = ` ${seconds} s`;
  }, 1000);
}

function clear() {
  // Who is about to press it should not lose it.
  if (place.contains(document.activeElement)) timer = setTimeout(clear, STAYS);
  else place.replaceChildren();
}
