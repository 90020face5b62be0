// Text of others, made fit for a page: the same as the server's shown.py.

const TURNING = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\u2028\u2029]/u;
const PLAIN = /^[\x20-\x7e\n\t]*$/;

export function visible(text) {
  if (PLAIN.test(text)) return text;
  let shown = "";
  for (const character of text) shown += one(character);
  return shown;
}

function one(character) {
  if (character === "\n" || character === "\t") return character;
  if (/\p{Zs}/u.test(character)) return " ";
  if (!TURNING.test(character) && !UNSEEN.test(character)) return character;
  const code = character.codePointAt(0);
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  return `\u27e6U+${code.toString(16).toUpperCase().padStart(4, "0")}\u27e7`;
}

export function element(name, text = "", className = "") {
  const made = document.createElement(name);
  if (text) made.textContent = visible(text);
  if (className) made.className = className;
  return made;
}

export function lasted(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (number) => String(number).padStart(2, "0");
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} m ${two(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} m`;
}
