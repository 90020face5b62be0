// How values of each kind are written in a field: whether a value fits it, as what it is shown, and
// what a text in it means. What does not fit is shown as JSON, and may be written so.

// A text that its field cannot be read from; `reason` is a code as the contract has them.
export class Unreadable extends Error {
  constructor(reason, message) {
    super(message);
    this.reason = reason;
  }
}

export function isObject(thing) {
  return typeof thing === "object" && thing !== null && !Array.isArray(thing);
}

const words = (text) => text.split(/[\s,]+/).filter(Boolean);
const lines = (text) => text.split(/\r?\n/).filter((line) => line.trim());
const fitsLine = (text) => typeof text === "string" && !/[\n\r]/.test(text);
// What stands before the first = of a line; one that begins as JSON does would be taken for it.
const fitsKey = (text) => fitsLine(text) && text === text.trim() && /^[^={[][^=]*$/.test(text);

export const KINDS = {
  text: {
    fits: (value) => typeof value === "string",
    show: (value) => value,
    read: (text) => text,
  },
  number: {
    fits: (value) => typeof value === "number",
    show: (value) => String(value),
    // What is no number goes out as it stands: the contract says what is wrong with it. So does one
    // with so many digits that JSON would have null for it, which is the default.
    read: (text) => (/^[+-]?(\d+\.?\d*|\.\d+)$/.test(text.trim()) && Number.isFinite(Number(text)) ? Number(text) : text),
  },
  flag: {
    fits: (value) => typeof value === "boolean",
    show: (value) => (value ? "true" : ""),
    read: (text) => (text === "true" ? true : text),
  },
  words: {
    fits: (value) => Array.isArray(value) && value.every((word) => typeof word === "string"
      && words(word).length === 1 && words(word)[0] === word),
    show: (value) => value.join(", "),
    read: words,
  },
  // One a line, taken as they stand.
  lines: {
    fits: (value) => Array.isArray(value) && value.every((line) => fitsLine(line) && line.trim())
      && value.length > 0 && asJson(value.join("\n"), "[") === undefined,
    show: (value) => value.join("\n"),
    read: (text) => asJson(text, "[") ?? lines(text),
  },
  object: {
    fits: () => true,
    show: (value) => JSON.stringify(value, null, 2),
    read: (text) => {
      try {
        return JSON.parse(text);
      } catch (error) {
        throw new Unreadable("NO_JSON", `This is no JSON: ${error.message}. Write an object, such as {"depth": 2}.`);
      }
    },
  },
  // KEY=VALUE, one a line.
  pairs: {
    fits: (value) => isObject(value) && Object.entries(value).every(([key, text]) => fitsKey(key) && fitsLine(text)),
    show: (value) => Object.entries(value).map(([key, text]) => `${key}=${text}`).join("\n"),
    read: (text) => {
      if (text.trim().startsWith("{")) return KINDS.object.read(text);
      const found = new Map();
      for (const [key, rest] of pairs(text, "KEY=VALUE")) {
        if (found.has(key)) throw new Unreadable("NO_PAIR", `${key} is there twice. Keep one.`);
        found.set(key, rest);
      }
      return Object.fromEntries(found);
    },
  },
  // NAME=/PATH, one a line.
  volumes: {
    fits: (value) => Array.isArray(value) && value.length > 0 && value.every((one) => isObject(one)
      && Object.keys(one).join() === "name,target" && fitsKey(one.name) && fitsLine(one.target)),
    show: (value) => value.map(({ name, target }) => `${name}=${target}`).join("\n"),
    read: (text) => asJson(text, "[") ?? pairs(text, "NAME=/PATH").map(([name, target]) => ({ name, target })),
  },
};

function pairs(text, form) {
  return lines(text).map((line) => {
    const at = line.indexOf("=");
    const key = line.slice(0, Math.max(0, at)).trim();
    if (!key) throw new Unreadable("NO_PAIR", `“${line.trim()}” is no ${form}. Write one a line.`);
    return [key, line.slice(at + 1)];
  });
}

// What a text is as JSON; undefined where it does not begin with `first`, or is none.
function asJson(text, first) {
  if (!text.trim().startsWith(first)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
