// Terminal output as spans: colours and emphasis (SGR) alone; everything else of a terminal is dropped.
import { visible } from "./text.js";

const SEQUENCE = new RegExp(
  [
    "\\x1b\\[[0-?]{0,64}[ -/]{0,8}[@-~]", // CSI: SGR is one of them
    "\\x9b[0-?]{0,64}[ -/]{0,8}[@-~]", // the same, begun by C1
    "\\x1b[\\]PX^_][^\\x07\\x1b\\x9c]{0,4096}(?:\\x07|\\x1b\\\\|\\x9c)", // OSC, DCS, SOS, PM, APC
    "[\\x90\\x98\\x9d-\\x9f][^\\x07\\x1b\\x9c]{0,4096}(?:\\x07|\\x1b\\\\|\\x9c)", // the same in C1
    "\\x1b[ -/]{0,8}[0-~]", // the short ones
    "[\\x80-\\x9f]", // C1
  ].join("|"),
  "g",
);
const UNFINISHED = /\x1b(?:\[[0-?]{0,64}[ -/]{0,8}|[\]PX^_][^\x07\x1b\x9c]{0,4096}\x1b?|[ -/]{0,8})?$/;
const SGR = /^(?:\x1b\[|\x9b)([0-9;:]{0,64})m$/;

export const plain = () => ({ colour: "", bold: false, faint: false, italic: false, under: false, struck: false, marked: false });

// Turns one line into `[{text, classes}]`, and the `state` into what holds behind the line.
// `more` says that the line may go on, so that half of a sequence at its end is not shown yet.
export function parse(line, state, { more = false } = {}) {
  const given = more ? line.replace(UNFINISHED, "") : line;
  const runs = [];
  let from = 0;
  for (const found of given.matchAll(SEQUENCE)) {
    push(runs, given.slice(from, found.index), state);
    const sgr = SGR.exec(found[0]);
    if (sgr) apply(sgr[1], state);
    from = found.index + found[0].length;
  }
  push(runs, given.slice(from), state);
  return runs;
}

export function spans(runs) {
  return runs.map(({ text, classes }) => {
    if (!classes) return document.createTextNode(text);
    const span = document.createElement("span");
    span.className = classes;
    span.textContent = text;
    return span;
  });
}

function push(runs, text, state) {
  if (!text) return;
  const classes = [state.colour, ...["bold", "faint", "italic", "under", "struck", "marked"].filter((name) => state[name]).map((name) => `ansi-${name}`)];
  runs.push({ text: visible(text), classes: classes.filter(Boolean).join(" ") });
}

function apply(parameters, state) {
  const codes = parameters.split(/[;:]/).map((code) => (code === "" ? 0 : Number(code)));
  for (let at = 0; at < codes.length; at++) {
    const code = codes[at];
    if (code === 0) Object.assign(state, plain());
    else if (code === 1) state.bold = true;
    else if (code === 2) state.faint = true;
    else if (code === 3) state.italic = true;
    else if (code === 4) state.under = true;
    else if (code === 7) state.marked = true;
    else if (code === 9) state.struck = true;
    else if (code === 22) state.bold = state.faint = false;
    else if (code === 23) state.italic = false;
    else if (code === 24) state.under = false;
    else if (code === 27 || code === 49) state.marked = false;
    else if (code === 29) state.struck = false;
    else if (code >= 30 && code <= 37) state.colour = `ansi-${code - 30}`;
    else if (code >= 90 && code <= 97) state.colour = `ansi-${code - 90}`;
    else if (code === 39) state.colour = "";
    // Grounds are one tint on which every colour can be read: text may not hide itself in its own.
    else if ((code >= 40 && code <= 47) || (code >= 100 && code <= 107)) state.marked = true;
    else if (code === 38 || code === 48) {
      const [colour, used] = extended(codes, at + 1);
      if (code === 48) state.marked = true;
      else state.colour = colour;
      at += used;
    }
  }
}

// 256 colours and true ones, as the nearest of the eight that are readable on either ground.
function extended(codes, at) {
  if (codes[at] === 5) {
    const number = codes[at + 1] ?? 0;
    if (number < 16) return [`ansi-${number % 8}`, 2];
    if (number >= 232) return [nearest(...Array(3).fill(8 + (number - 232) * 10)), 2];
    const cube = number - 16;
    const level = (part) => (part ? 55 + 40 * part : 0);
    return [nearest(level(Math.floor(cube / 36) % 6), level(Math.floor(cube / 6) % 6), level(cube % 6)), 2];
  }
  if (codes[at] === 2) return [nearest(codes[at + 1] ?? 0, codes[at + 2] ?? 0, codes[at + 3] ?? 0), 4];
  return ["", 1];
}

function nearest(red, green, blue) {
  const middle = (Math.max(red, green, blue) + Math.min(red, green, blue)) / 2;
  if (Math.max(red, green, blue) - Math.min(red, green, blue) < 40) return "";
  return `ansi-${(red > middle ? 1 : 0) + (green > middle ? 2 : 0) + (blue > middle ? 4 : 0)}`;
}
