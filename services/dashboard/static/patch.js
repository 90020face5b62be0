// A patch, file by file, its lines by what they do.
import { element, visible } from "./text.js";

const OPEN_LINES = 1500; // what is more than this is made once a file is opened

export function shown(text) {
  const files = split(text);
  const made = document.createDocumentFragment();
  let lines = 0;
  for (const file of files) {
    const home = element("details", "", "file");
    const head = element("summary");
    head.append(element("code", file.name), " ");
    if (file.added) head.append(element("span", `+${file.added}`, "added"), " ");
    if (file.removed) head.append(element("span", `−${file.removed}`, "removed"));
    home.append(head);
    home.addEventListener("toggle", () => { if (home.open && home.childElementCount === 1) home.append(body(file)); });
    lines += file.lines.length;
    if (lines <= OPEN_LINES) home.open = true;
    made.append(home);
  }
  return made;
}

function split(text) {
  const files = [];
  let hunk = false;
  for (const line of text.replace(/\n$/, "").split("\n")) {
    if (line.startsWith("diff --git ") || !files.length) {
      files.push({ name: named(line), lines: [], added: 0, removed: 0 });
      hunk = false;
    }
    const file = files.at(-1);
    if (line.startsWith("@@")) hunk = true;
    if (hunk && line.startsWith("+")) file.added++;
    if (hunk && line.startsWith("-")) file.removed++;
    file.lines.push([kind(line, hunk), line]);
  }
  return files;
}

function named(line) {
  const plain = / b\/(.+)$/.exec(line) ?? / "b\/(.+)"$/.exec(line);
  return plain ? plain[1] : line.slice(0, 200);
}

function kind(line, hunk) {
  if (!hunk) return "meta";
  if (line.startsWith("@@")) return "hunk";
  if (line.startsWith("+")) return "added";
  if (line.startsWith("-")) return "removed";
  return "";
}

function body({ name, lines }) {
  const made = element("div", "", "patch");
  // Scrolls, and so can be reached by who has no mouse.
  made.tabIndex = 0;
  made.setAttribute("role", "group");
  made.setAttribute("aria-label", visible(`Changes of ${name}`));
  made.append(...lines.map(([what, line]) => element("div", line || " ", what ? `line ${what}` : "line")));
  return made;
}
