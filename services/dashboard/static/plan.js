// Shows what would run: the plan as the server rendered it, with what was unfolded left so.

const plan = document.getElementById("plan");
const standing = document.getElementById("standing");
const heard = document.getElementById("heard");
const MISSING = { REQUIRED: "a field", STEP_BLANK: "the instructions" };
let last = null;

export function showPlan(preview, warnings) {
  const notes = warnings.map((warning) => {
    const note = document.createElement("p");
    note.className = "warning";
    note.textContent = [warning.field, warning.description].filter(Boolean).join(": ");
    return note;
  });
  const key = JSON.stringify([preview, warnings]);
  if (key === last) return;
  last = key;
  const unfolded = new Set([...plan.querySelectorAll("details[open]")].map((one) => one.dataset.keep));
  const parsed = new DOMParser().parseFromString(preview ?? "", "text/html");
  for (const one of parsed.querySelectorAll("details")) one.open = unfolded.has(one.dataset.keep);
  const focused = plan.contains(document.activeElement) ? document.activeElement.closest("details")?.dataset.keep : null;
  plan.replaceChildren(...notes, ...parsed.body.childNodes);
  if (focused) plan.querySelector(`details[data-keep="${CSS.escape(focused)}"] summary`)?.focus();
}

// One sentence on how the task stands. It is said aloud only where it is another than the last.
export function showStanding({ state, faults = [], digest, message }) {
  if (state === "checking") {
    write("Checking…", "");
    return;
  }
  const [sentence, look] = standingOf({ state, faults, digest, message });
  write(sentence, look);
  if (heard.textContent !== sentence) heard.textContent = sentence;
}

function standingOf({ state, faults, digest, message }) {
  if (state === "unknown") return [`This cannot be checked now, and the plan below may be an older one. ${message} Trying again.`, "wait"];
  if (digest && !faults.length) return ["Nothing is wrong with it. This is what will run.", "good"];
  const mistakes = faults.filter(({ reason }) => !MISSING[reason]);
  if (mistakes.length) return [mistakes.length === 1 ? "1 thing to mend." : `${mistakes.length} things to mend.`, "bad"];
  return [`Still missing: ${faults.map(missing).join(", ")}.`, "wait"];
}

function missing({ field, reason }) {
  const step = /^task\.steps\[(\d+)\]/.exec(field)?.[1];
  const what = { "task.instructions": "an objective", repository: "a repository" }[field];
  return what ?? (step === undefined ? field : `${MISSING[reason]} of step ${Number(step) + 1}`);
}

function write(sentence, look) {
  if (standing.textContent !== sentence) standing.textContent = sentence;
  standing.className = `standing ${look}`;
}
