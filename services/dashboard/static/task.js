// The form as a payload, and a payload in the form.
import { changed, fill, get, put, taking, value } from "./fields.js";
import { isObject } from "./kinds.js";
import * as steps from "./steps.js";

const form = document.getElementById("task");
const own = [...form.querySelectorAll("[data-path]:not([data-of])")];
const FOLLOWING = ["task.runtime.model", "task.runtime.effort"];

// Other names that payloads may use, which the form has no second control for.
const ALIASES = [
  ["repo", "repository"],
  ["target_runtime", "targetRuntime"],
  ["task.runtime.mode", "targetRuntime"],
  ["task.publish.baseBranch", "task.publish.prBaseBranch"],
];

let rest = {};
let meant = {}; // what each runtime has for model and effort
let touched = new Set();

export function control(path) {
  return own.find((one) => one.dataset.path === path);
}

// Puts a payload into the form. `texts` are those that were no JSON yet, by path; `by` the model
// and effort that somebody chose, which do not follow the runtime.
export function show(payload, { texts = {}, by = [] } = {}) {
  rest = named(structuredClone(payload));
  touched = new Set(by);
  for (const one of own) fill(one, get(rest, one.dataset.path));
  meant = { [runtime()]: Object.fromEntries(FOLLOWING.map((path) => [path, control(path).value])) };
  const listed = get(rest, "task.steps");
  const editable = Array.isArray(listed) && listed.every(isObject);
  steps.replace(editable ? listed : []);
  if (editable) put(rest, "task.steps", undefined);
  for (const [path, text] of Object.entries(texts)) {
    const found = path.startsWith("task.steps[") ? steps.control(path) : control(path);
    if (found) found.value = text;
  }
  follow();
}

// The payload that the form stands for, and every text in it that cannot be read yet.
export function read() {
  const payload = structuredClone(rest);
  const { take, faults, texts } = taking(settled);
  for (const one of own) take(one, payload, one.dataset.path);
  // Who writes here has settled what two names for it may have disagreed about.
  for (const [alias, name] of ALIASES) if (changed(control(name))) put(payload, alias, undefined);
  const listed = steps.read(take);
  if (listed.length) put(payload, "task.steps", listed);
  return { payload, faults, texts, by: [...touched] };
}

// A value that was null or absent stays what it was.
function settled(one, into) {
  const now = value(one);
  return now === null || (now === undefined && !changed(one)) ? get(into, one.dataset.path) : now;
}

// Paths of what the payload holds and the form has no control for.
export function kept() {
  const { payload } = read();
  const known = new Set([...own.map((one) => one.dataset.path), ...ALIASES.map(([alias]) => alias)]);
  const found = [];
  const look = (object, path) => {
    for (const [name, inner] of Object.entries(object)) {
      const where = path ? `${path}.${name}` : name;
      if (known.has(where) || inner === null) continue;
      if (where === "task.steps" && steps.all().length) continue;
      const part = where === "task" || [...known].some((path) => path.startsWith(`${where}.`));
      if (part && isObject(inner)) look(inner, where);
      else found.push(where);
    }
  };
  look(payload, "");
  return found;
}

function runtime() {
  return control("targetRuntime").value;
}

// Model and effort go with the runtime as long as nobody has chosen them.
export function follow() {
  const now = runtime();
  for (const path of FOLLOWING) {
    const one = control(path);
    if (!touched.has(path)) one.value = meant[now]?.[path] ?? "";
    one.placeholder = now ? `${now}'s own` : "the runtime's own";
  }
  control("task.runtime.effort").setAttribute("list", `efforts-${now || form.dataset.runtime || "codex"}`);
}

export function touch(one) {
  if (!FOLLOWING.includes(one.dataset.path)) return;
  // Who empties the field wants it to follow again.
  if (one.value.trim()) touched.add(one.dataset.path);
  else touched.delete(one.dataset.path);
}

function named(payload) {
  for (const [alias, name] of ALIASES) {
    const given = get(payload, alias);
    if (typeof given !== "string" || (get(payload, name) ?? null) !== null) continue;
    put(payload, alias, undefined);
    put(payload, name, given);
  }
  return payload;
}
