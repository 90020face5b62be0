// The steps of the form. A step is moved by moving its neighbours around it, so that what is typed,
// the cursor and the focus stay where they are.
import { changed, fill, get } from "./fields.js";
import { drag } from "./drag.js";

const place = document.getElementById("steps");
const template = document.getElementById("step");
const rests = new WeakMap();
let count = 0;
let report = () => {};

// Calls `told` with a sentence, and what undoes it, whenever the steps have changed.
export function listen(told) {
  report = told;
}

export function all() {
  return [...place.children];
}

export function controls(step) {
  return [...step.querySelectorAll("[data-path]")];
}

export function control(where) {
  const [, index, name] = /^task\.steps\[(\d+)\]\.(.+)$/.exec(where) ?? [];
  const step = all()[Number(index)];
  return step && controls(step).find((one) => one.dataset.path === name);
}

export function replace(values) {
  place.replaceChildren(...values.map(made));
  number();
}

export function read(take) {
  return all().map((step, index) => {
    const object = structuredClone(rests.get(step));
    for (const one of controls(step)) take(one, object, `task.steps[${index}].${one.dataset.path}`);
    return object;
  });
}

function blank(step) {
  return !["instructions", "skill.id"].some((name) => (
    controls(step).find((one) => one.dataset.path === name).value.trim()
  ));
}

// A new step, unless one is still blank: then that one is gone to.
export function add() {
  const empty = all().find(blank);
  if (empty) {
    enter(empty);
    report(`Step ${all().indexOf(empty) + 1} is still empty: write its instructions, or name a skill.`);
    return;
  }
  const step = made({});
  place.append(step);
  number();
  enter(step);
  report(`Step ${all().length} added.`);
}

function made(given) {
  const step = template.content.firstElementChild.cloneNode(true);
  rests.set(step, structuredClone(given));
  count += 1;
  for (const one of controls(step)) {
    one.id = `s${count}-${one.dataset.path.replaceAll(".", "-")}`;
    const field = one.closest(".field");
    field.querySelector("label").htmlFor = one.id;
    const said = field.querySelector(".said");
    said.id = `${one.id}-said`;
    one.setAttribute("aria-describedby", said.id);
    fill(one, get(given, one.dataset.path));
  }
  return step;
}

function enter(step) {
  const first = controls(step).find((one) => one.dataset.path === "instructions");
  first.focus();
  step.scrollIntoView({ block: "nearest" });
}

export function number() {
  const steps = all();
  steps.forEach((step, index) => {
    step.querySelector(".number").textContent = `Step ${index + 1}`;
    step.querySelector("[role=group]").setAttribute("aria-label", `Step ${index + 1}`);
    step.querySelector("[data-act=up]").disabled = index === 0;
    step.querySelector("[data-act=down]").disabled = index === steps.length - 1;
    controls(step).find((one) => one.dataset.path === "id").placeholder = `step-${index + 1}`;
  });
}

// Moves a step by one place; false where there is none.
export function shift(step, by) {
  const neighbour = by < 0 ? step.previousElementSibling : step.nextElementSibling;
  if (!neighbour) return false;
  if (by < 0) step.after(neighbour);
  else step.before(neighbour);
  number();
  report(`Step moved to place ${all().indexOf(step) + 1} of ${all().length}.`);
  return true;
}

function duplicate(step) {
  if (blank(step)) {
    enter(step);
    report("This step is still empty: write its instructions, or name a skill.");
    return;
  }
  const copy = made(rests.get(step));
  const copies = controls(copy);
  controls(step).forEach((one, index) => {
    // The same value where nothing was typed; else the text, whether it can be read or not.
    if (changed(one)) copies[index].value = one.value;
  });
  step.after(copy);
  number();
  enter(copy);
  report(`Step ${all().indexOf(copy)} duplicated.`);
}

function remove(step) {
  const index = all().indexOf(step);
  const next = step.nextElementSibling ?? step.previousElementSibling;
  step.remove();
  number();
  (next ?? document.querySelector("[data-add]")).focus();
  report(`Step ${index + 1} removed.`, () => {
    place.insertBefore(step, all()[index] ?? null);
    number();
    enter(step);
    report(`Step ${index + 1} is back.`);
  });
}

function moved(step, by) {
  if (shift(step, by)) step.scrollIntoView({ block: "nearest" });
}

const ACTS = { up: (step) => moved(step, -1), down: (step) => moved(step, 1), duplicate, remove };

place.addEventListener("click", (event) => {
  const act = event.target.closest("[data-act]");
  if (!act) return;
  const step = act.closest(".step");
  ACTS[act.dataset.act](step);
  // At either end the button that was pressed cannot be pressed again; the focus goes to its twin.
  if (act.disabled) step.querySelector("[data-act]:not(:disabled)").focus();
});

place.addEventListener("keydown", (event) => {
  const step = event.target.closest(".step");
  const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  const asked = event.altKey || event.target.closest("[data-grip]");
  if (!step || !by || !asked || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  moved(step, by);
});

drag(place, { shift, told: (sentence) => report(sentence) });
