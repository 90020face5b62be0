// What the agent of a step does, as it does it, and what it did, from what is kept of that.
import { Find } from "./find.js";
import { Follow } from "./follow.js";
import { element } from "./text.js";

const KEPT = 1000;
const UNTOLD = new Set(["usage", "session"]);

export class Activities {
  constructor(name) {
    this.box = element("ol", "", "activities");
    this.box.tabIndex = 0;
    this.box.setAttribute("aria-label", name);
    this.follow = new Follow(this.box);
    this.tools = element("div", "", "tools");
    this.consumed = element("span", "", "raw");
    this.earlier = element("button", "Load earlier");
    this.earlier.type = "button";
    this.earlier.hidden = true;
    this.find = new Find(name, this.box, this.follow);
    this.tools.append(this.earlier, ...this.find.parts, this.follow.label, this.consumed);
    this.seen = new Map();
    this.whole = false; // all of an attempt was seen here
  }

  take(done) {
    const last = this.seen.get(done.attempt) ?? -1;
    if (done.index <= last) return;
    if (last < 0) this.whole = true;
    if (done.index > last + 1) {
      this.whole = false;
      this.box.append(element("li", "… earlier activity comes when the step has ended …", "remark"));
    }
    this.seen.set(done.attempt, done.index);
    if (done.consumed) this.consumed.textContent = `${done.consumed} so far`;
    if (UNTOLD.has(done.kind)) return;
    const made = row(done);
    this.find.mark(made);
    this.box.append(made);
    while (this.box.childElementCount > KEPT) {
      this.box.firstElementChild.remove();
      this.whole = false;
    }
    this.follow.settle();
  }

  // Puts what a file of it tells in the place of what is here.
  show(deeds, more) {
    const { box } = this;
    const below = box.scrollHeight - box.scrollTop;
    if (more) this.follow.stop();
    box.replaceChildren(...read(deeds.lines).filter((done) => !UNTOLD.has(done.kind)).map(row));
    this.find.forget();
    for (const made of box.children) this.find.mark(made);
    if (more) box.scrollTop = box.scrollHeight - below;
    this.earlier.hidden = !deeds.before;
    this.follow.settle();
  }
}

function read(bytes) {
  const lines = new TextDecoder().decode(bytes).split("\n").filter(Boolean);
  return lines.map((line) => {
    const { createTime: time, kind, text = "", path = "", ...rest } = JSON.parse(line);
    return { ...rest, time, kind: kind.replaceAll("_", " "), text, path };
  });
}

function row(done) {
  const made = element("li", "", done.kind === "error" ? "act bad" : "act");
  const time = element("time", done.time ? new Date(done.time).toLocaleTimeString() : "");
  if (done.time) time.dateTime = done.time;
  made.append(time, element("span", done.errorClass ? `${done.kind}: ${done.errorClass}` : done.kind, "kind"));
  const said = element("span", "", done.kind.startsWith("tool") ? "said mono" : "said");
  if (done.path) said.append(element("code", done.path), " ");
  said.append(element("span", done.text));
  made.append(said);
  return made;
}
