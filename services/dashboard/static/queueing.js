// What is submitted beside the task: how the job is queued, and its labels. The orchestrator judges it
// when it is submitted, so what it found wrong is told until somebody writes here again.
import { fill, get, taking, value } from "./fields.js";

const own = [...document.querySelectorAll("[data-of=queueing]")];
const NAMES = { max_attempts: "maxAttempts" };

let refused = [];

export function control(path) {
  return own.find((one) => one.dataset.path === path);
}

export function show({ values = {}, texts = {} } = {}) {
  refused = [];
  for (const one of own) {
    fill(one, get(values, one.dataset.path));
    if (one.dataset.path in texts) one.value = texts[one.dataset.path];
  }
}

export function read() {
  const values = {};
  const { take, faults, texts } = taking(value);
  for (const one of own) take(one, values, one.dataset.path);
  return { values, texts, faults: [...faults, ...refused] };
}

export function isEmpty({ values = {}, texts = {} } = {}) {
  return Object.keys(values).length + Object.keys(texts).length === 0;
}

// Takes up what the orchestrator has refused of it; false where that was something else.
export function blame(violations) {
  refused = violations
    .map((one) => ({ ...one, field: one.field.replace(/^\w+/, (name) => NAMES[name] ?? name) }))
    .filter(({ field }) => control(/^\w*/.exec(field)[0]));
  return refused.length > 0;
}

for (const one of own) one.addEventListener("input", () => { refused = []; });
