// Shows what is wrong with a task at the field, the step or the part that it is about.
import * as queueing from "./queueing.js";
import * as steps from "./steps.js";
import * as task from "./task.js";

const MOST = 20;
const CALM = new Set(["REQUIRED", "STEP_BLANK"]); // missing, which is no mistake while one still writes
const faultList = document.getElementById("faults");
const visited = new WeakSet();
let last = "[]";

export function visit(one) {
  visited.add(one);
  const step = one.closest(".step");
  if (step && one.dataset.path === "instructions") visited.add(step);
}

// Shows `faults`; those that only miss something wait until `all` is wanted or somebody was there.
export function show(faults, { all = false } = {}) {
  const told = faults.map((fault) => ({ ...fault, ...spot(fault.field) }));
  const shown = told.filter(({ reason, target }) => all || !CALM.has(reason) || visited.has(target));
  const by = new Map();
  for (const fault of shown) by.set(fault.said, [...(by.get(fault.said) ?? []), fault]);
  for (const said of document.querySelectorAll("#task .said")) {
    const here = by.get(said) ?? [];
    const text = here.map(({ within, description }) => (within ? `${within}: ${description}` : description)).join("\n");
    if (said.textContent !== text) said.textContent = text;
    said.hidden = here.length === 0;
  }
  const bad = new Set(shown.map((fault) => fault.target));
  for (const one of document.querySelectorAll("#task [data-path]")) {
    if (bad.has(one)) one.setAttribute("aria-invalid", "true");
    else one.removeAttribute("aria-invalid");
  }
  for (const step of steps.all()) step.classList.toggle("bad", shown.some((fault) => fault.step === step));
  for (const { said } of shown) for (let up = said?.closest("details"); up; up = up.parentElement.closest("details")) up.open = true;
  summary(shown);
  return shown;
}

export function enter({ field }) {
  const target = spot(field).target ?? faultList;
  target.focus();
  target.scrollIntoView({ block: "center" });
}

// Where a path is told: its control, else the step or the part that it lies in.
function spot(field) {
  const step = steps.all()[Number(/^task\.steps\[(\d+)\]/.exec(field)?.[1])];
  for (let path = field; path; path = path.slice(0, Math.max(0, path.lastIndexOf("."), path.lastIndexOf("[")))) {
    const one = step ? steps.control(path) : task.control(path) ?? queueing.control(path);
    if (one) return { step, target: one, said: one.closest(".field").querySelector(".said"), within: field.slice(path.length).replace(/^\./, "") };
  }
  if (step) return { step, target: step, said: step.querySelector("[data-said-step]") };
  if (field.startsWith("task.steps")) {
    return { target: document.querySelector("[data-add]"), said: document.getElementById("steps-said"), part: "Steps" };
  }
  return { said: document.querySelector("#kept:not([hidden]) .said") };
}

function summary(shown) {
  // Left as it is where nothing is new, so that the focus stays on it.
  const told = shown.map((fault) => [name(fault), fault.reason, fault.target ? "" : fault.description]);
  const key = JSON.stringify(told);
  if (key === last) return;
  last = key;
  const items = shown.slice(0, MOST).map((fault, index) => item(fault, told[index]));
  if (shown.length > MOST) items.push(entry(`and ${shown.length - MOST} more`));
  const list = document.createElement("ul");
  list.append(...items);
  faultList.replaceChildren(...(items.length ? [list] : []));
}

function item(fault, [label, reason, description]) {
  const link = document.createElement("button");
  link.type = "button";
  link.className = "fault";
  link.textContent = label;
  link.addEventListener("click", () => enter(fault));
  const code = document.createElement("code");
  code.className = "raw";
  code.textContent = reason;
  return entry(link, " ", code, " ", description);
}

function entry(...parts) {
  const made = document.createElement("li");
  made.append(...parts);
  return made;
}

function name({ field, target, step, part }) {
  const label = target?.labels?.[0]?.textContent;
  const where = step ? `Step ${steps.all().indexOf(step) + 1}` : "";
  return [where, label].filter(Boolean).join(", ") || part || field || "The task";
}
