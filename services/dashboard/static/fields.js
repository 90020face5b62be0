// Between what a control shows and what the payload holds. A control that nobody changed gives back
// exactly the value it was filled with, so that an imported task leaves as it came.
import { KINDS, Unreadable, isObject } from "./kinds.js";

const filled = new WeakMap();

// Shows `value` in a control, which is then untouched.
export function fill(control, value) {
  const kind = KINDS[control.dataset.kind];
  let text = control.dataset.default ?? "";
  if (value !== undefined && value !== null) text = kind.fits(value) ? kind.show(value) : JSON.stringify(value);
  if (control.tagName === "SELECT") text = offered(control, text);
  control.value = text;
  filled.set(control, { text: control.value, value });
}

// What the payload should hold for a control; undefined for nothing. Throws Unreadable.
export function value(control) {
  const was = filled.get(control);
  if (was && control.value === was.text) return was.value;
  return control.value.trim() === "" ? undefined : KINDS[control.dataset.kind].read(control.value);
}

// What somebody wrote before any script was there, by control.
export function written(controls) {
  const served = (one) => (one.options ? (one.querySelector("[selected]") ?? one.options[0]).value : one.defaultValue);
  return [...controls].filter((one) => one.value !== served(one)).map((one) => [one, one.value]);
}

export function changed(control) {
  const was = filled.get(control);
  return was ? control.value !== was.text : control.value !== "";
}

// A value that the list lacks is added to it, for the contract to judge.
function offered(select, text) {
  const options = [...select.options];
  const found = options.find((option) => option.value === text)
    ?? options.find((option) => option.value === text.trim().toLowerCase());
  if (found) return found.value;
  for (const option of options) if (option.dataset.added) option.remove();
  const added = new Option(text, text);
  added.dataset.added = "yes";
  select.append(added);
  return text;
}

// Takes values out of controls into an object, each as `read` gives it; notes every text that cannot
// be read yet.
export function taking(read) {
  const faults = [];
  const texts = {};
  const take = (one, into, path) => {
    try {
      put(into, one.dataset.path, read(one, into));
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      faults.push({ field: path, reason: error.reason, description: error.message });
      texts[path] = one.value;
    }
  };
  return { take, faults, texts };
}

export function get(object, path) {
  return path.split(".").reduce((inner, name) => (isObject(inner) ? inner[name] : undefined), object);
}

// Puts a value at a path; undefined removes it, and what is then empty around it.
export function put(object, path, given) {
  const names = path.split(".");
  const last = names.pop();
  const chain = [object];
  for (const name of names) {
    const inner = chain.at(-1);
    if (!isObject(inner[name])) {
      if (given === undefined) return;
      inner[name] = {};
    }
    chain.push(inner[name]);
  }
  if (given !== undefined) {
    chain.at(-1)[last] = given;
    return;
  }
  if (!(last in chain.at(-1))) return;
  delete chain.at(-1)[last];
  for (let at = chain.length - 1; at > 0 && Object.keys(chain[at]).length === 0; at -= 1) {
    delete chain[at - 1][names[at - 1]];
  }
}
