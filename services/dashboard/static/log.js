// A log: lines of terminal output that can be searched, and followed while more come.
import { parse, plain, spans } from "./ansi.js";
import { Find } from "./find.js";
import { Follow } from "./follow.js";
import { element } from "./text.js";

const LINES = 5000; // older ones leave the page; the artifact keeps them
const LONGEST = 16384; // characters of a line before it is broken
const PENDING = 1 << 20; // characters that wait to be shown; what is more was never going to stay
const SOON = 16;
const LATER = 200; // with much to show, so that the page has time for whoever reads it

export class Log {
  constructor(name) {
    this.box = element("div", "", "log");
    this.box.tabIndex = 0;
    this.box.setAttribute("role", "region");
    this.box.setAttribute("aria-label", name);
    this.follow = new Follow(this.box);
    this.tools = element("div", "", "tools");
    this.find = new Find(name, this.box, this.follow);
    this.tools.append(...this.find.parts, this.follow.label);
    this.clear();
  }

  clear({ lines = LINES } = {}) {
    this.most = lines;
    clearTimeout(this.timer);
    this.timer = 0;
    this.pending = [];
    this.waiting = 0;
    this.streams = {};
    this.find.forget();
    this.gapped = false; // something of it was never seen here
    this.cut = false; // something of it has left the page
    this.box.replaceChildren();
  }

  // Whether its file has more to show: no line goes away under who reads it.
  get lacks() {
    return this.gapped || (this.cut && this.follow.followed);
  }

  // Bytes of one stream. What lies before `offset` and was never seen is told to be missing.
  take(stream, offset, bytes) {
    const known = (this.streams[stream] ??= { next: 0, decoder: new TextDecoder(), text: "", state: plain(), node: null });
    if (offset + bytes.length <= known.next) return;
    if (offset > known.next) {
      this.gapped = true;
      const lacking = offset - known.next;
      this.later(() => this.remark(`${lacking} bytes before this are in the log file alone`));
    }
    const fresh = offset < known.next ? bytes.subarray(known.next - offset) : bytes;
    known.next = offset + bytes.length;
    const text = known.decoder.decode(fresh, { stream: true });
    this.later(() => this.write(known, stream, text), text.length);
  }

  later(show, size = 0) {
    this.pending.push({ show, size });
    this.waiting += size;
    while (this.waiting > PENDING && this.pending.length > 1) {
      this.waiting -= this.pending.shift().size;
      this.lost = true;
    }
    this.timer ||= setTimeout(() => this.flush(), size > LONGEST ? LATER : SOON);
  }

  flush() {
    this.timer = 0;
    const { pending } = this;
    this.pending = [];
    this.waiting = 0;
    if (this.lost) {
      // What is shown goes on somewhere else: no line of before may run into it.
      for (const known of Object.values(this.streams)) Object.assign(known, { text: "", node: null, state: plain() });
      this.box.replaceChildren();
      this.remark("earlier lines are in the log file alone");
      this.lost = false;
      this.cut = true;
    }
    for (const { show } of pending) show();
    this.trim();
    this.follow.settle();
  }

  remark(sentence) {
    this.box.append(element("div", `… ${sentence} …`, "remark"));
  }

  write(known, stream, text) {
    const made = document.createDocumentFragment();
    const lines = (known.text + text).split("\n");
    known.text = "";
    if (lines.length > this.most) {
      known.node = null;
      lines.splice(0, lines.length - this.most);
      this.cut = true;
    }
    lines.forEach((whole, index) => {
      const last = index === lines.length - 1;
      let line = whole.replace(/\r$/, "");
      while (line.length > LONGEST) {
        this.line(known, stream, line.slice(0, LONGEST), made, false);
        line = line.slice(LONGEST);
      }
      if (last) known.text = whole.endsWith("\r") ? `${line}\r` : line;
      if (!last || line) this.line(known, stream, line, made, last);
    });
    this.box.append(made);
  }

  line(known, stream, line, made, more) {
    const node = known.node ?? element("div", "", stream === "stderr" ? "line stderr" : "line");
    const state = more ? { ...known.state } : known.state;
    node.replaceChildren(...spans(parse(line, state, { more })));
    if (!known.node) made.append(node);
    known.node = more ? node : null;
    if (!more || this.find.query) this.find.mark(node);
  }

  trim() {
    const over = this.box.childElementCount - this.most;
    if (over <= 0) return;
    this.cut = true;
    const range = document.createRange();
    range.setStart(this.box, 0);
    range.setEnd(this.box, over + 1);
    range.deleteContents();
    this.box.prepend(element("div", "… earlier lines are in the log file alone …", "remark"));
  }
}
