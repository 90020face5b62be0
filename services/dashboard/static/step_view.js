// One step, opened: what its agent does, its log, its patch, its prompt.
import { Activities } from "./activity.js";
import { send } from "./calls.js";
import { Log } from "./log.js";
import { shown } from "./patch.js";
import { listed, part } from "./parts.js";
import { Tail } from "./tail.js";
import { element, visible } from "./text.js";

const TABS = ["Activity", "Log", "Patch", "Prompt"];
const LARGEST_PATCH = 2 * 1024 * 1024;

export class StepView {
  constructor(home, job) {
    this.home = home;
    this.job = job;
    this.index = Number(home.dataset.step);
    this.name = `step ${this.index}`;
    this.file = `step-${String(this.index).padStart(4, "0")}`;
    this.activities = new Activities(`Activity of ${this.name}`);
    this.log = new Log(`log of ${this.name}`);
    this.live = false; // the log comes from the stream, not from its file
    this.running = false;
    home.addEventListener("toggle", () => { if (home.open) this.open(); });
    if (home.open) this.open();
  }

  get followed() {
    return this.log.follow.followed && this.activities.follow.followed;
  }

  take(event) {
    const what = event.type.slice("task.step.".length);
    if (what === "started") {
      this.running = true;
      if (this.attempt !== undefined && this.attempt !== event.attempt) this.again();
      this.attempt = event.attempt;
    } else if (["finished", "failed", "cancelled", "lost"].includes(what)) {
      this.running = false;
      this.told = false;
      if (!this.live) this.loaded = false;
      this.patched = false;
      this.refresh();
    }
  }

  again() {
    this.log.clear();
    this.live = this.loaded = this.patched = this.told = false;
  }

  output(chunk) {
    if (this.loaded) return;
    if (!this.live) this.log.clear();
    this.live = true;
    if (this.earlier) this.earlier.hidden = true;
    const told = atob(chunk.bytes);
    const bytes = new Uint8Array(told.length);
    for (let at = 0; at < told.length; at++) bytes[at] = told.charCodeAt(at);
    this.log.take(chunk.stream, chunk.offset, bytes);
  }

  open() {
    if (!this.tabs) this.build();
    this.refresh();
  }

  build() {
    const list = element("div", "", "tabs");
    list.setAttribute("role", "tablist");
    list.setAttribute("aria-label", this.name);
    this.tabs = TABS.map((title, at) => {
      const id = `step-${this.index}-${title.toLowerCase()}`;
      const tab = element("button", title);
      Object.assign(tab, { type: "button", id: `${id}-tab` });
      tab.setAttribute("role", "tab");
      tab.setAttribute("aria-controls", id);
      const panel = element("div", "", "panel");
      panel.id = id;
      panel.setAttribute("role", "tabpanel");
      panel.setAttribute("aria-labelledby", tab.id);
      tab.addEventListener("click", () => this.choose(at));
      tab.addEventListener("keydown", (event) => {
        const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (!by) return;
        const next = (at + by + TABS.length) % TABS.length;
        this.choose(next);
        this.tabs[next].tab.focus();
      });
      list.append(tab);
      return { tab, panel };
    });
    this.home.append(list, ...this.tabs.map(({ panel }) => panel));
    const [activity, log] = this.tabs;
    this.quiet = element("p", "", "hint");
    this.activities.earlier.addEventListener("click", () => this.tell(this.deeds));
    activity.panel.append(this.activities.tools, this.quiet, this.activities.box);
    this.problem = element("p", "", "hint");
    this.earlier = element("button", "Load earlier");
    this.earlier.type = "button";
    this.earlier.hidden = true;
    this.earlier.addEventListener("click", () => this.load(this.written));
    this.log.tools.prepend(this.earlier);
    log.panel.append(this.log.tools, this.problem, this.log.box);
    this.choose(this.running || this.activities.seen.size || this.kept("activity.jsonl") ? 0 : 1);
  }

  choose(at) {
    this.chosen = at;
    this.tabs.forEach(({ tab, panel }, index) => {
      tab.setAttribute("aria-selected", String(index === at));
      tab.tabIndex = index === at ? 0 : -1;
      panel.hidden = index !== at;
    });
    this.refresh();
  }

  // Shows what the chosen tab lacks.
  refresh() {
    if (!this.tabs || !this.home.open) return;
    this.quiet.hidden = this.activities.box.childElementCount > 0;
    this.quiet.className = "hint";
    this.quiet.textContent = this.running ? "Nothing yet." : "Nothing of what its agent did was kept but its log.";
    this.log.follow.settle();
    this.activities.follow.settle();
    if (this.live && !this.running && this.kept("log")) {
      this.log.flush();
      this.live = !this.log.lacks;
    }
    if (this.chosen === 0 && !this.running && !this.told && !this.activities.whole) this.tell();
    if (this.chosen === 1 && !this.live && !this.loaded) this.load();
    if (this.chosen === 2 && !this.patched) this.patch();
    if (this.chosen === 3 && !this.prompted) this.prompt();
  }

  kept(ending) {
    return listed(`logs/steps/${this.file}.${ending}`);
  }

  // What its agent did: the end of what is kept of that, or more of `tail`.
  async tell(tail) {
    const file = this.kept("activity.jsonl");
    if (!file) return;
    this.told = true;
    const read = await this.readable(this.quiet, async () => {
      const deeds = tail ?? new Tail(this.job, file.path);
      await deeds.more();
      this.deeds = deeds;
      this.activities.show(deeds, Boolean(tail));
      this.quiet.hidden = true;
    });
    if (!read && !tail) this.told = false;
  }

  // The end of its log, or more of `tail`.
  async load(tail) {
    const file = this.kept("log");
    this.problem.textContent = file ? "" : this.running ? "Nothing yet." : "There is no log.";
    this.problem.hidden = Boolean(file);
    this.problem.className = "hint";
    if (!file) return;
    this.loaded = true;
    const read = await this.readable(this.problem, async () => {
      const written = tail ?? new Tail(this.job, file.path);
      await written.more();
      this.written = written;
      this.put(written, Boolean(tail));
    });
    // What is there of it already stays, and is not asked for again.
    if (!read && !tail) this.loaded = false;
  }

  put(written, more) {
    const { box, follow } = this.log;
    const below = box.scrollHeight - box.scrollTop;
    if (more) follow.stop();
    // What was asked for is shown whole; what comes by itself is not.
    this.log.clear({ lines: Infinity });
    if (written.before) this.log.remark(`${written.before} bytes before this`);
    this.log.take("log", 0, written.lines);
    this.log.flush();
    // What was read stays where it was; what is before it is there to be scrolled to.
    if (more) box.scrollTop = box.scrollHeight - below;
    this.earlier.hidden = !written.before;
  }

  async patch() {
    const panel = this.tabs[2].panel;
    const file = listed(`patches/steps/${this.file}.patch`) ?? listed(`patches/steps/${this.file}.partial.patch`);
    if (!file) {
      panel.replaceChildren(element("p", this.running ? "Once it has ended." : "It changed nothing.", "hint"));
      return;
    }
    this.patched = true;
    const note = element("p", "Loading…", "hint");
    panel.replaceChildren(note);
    const read = await this.readable(note, async () => {
      const bytes = [];
      for (let at = 0; at < Math.min(file.size, LARGEST_PATCH);) {
        const got = await part(this.job, file.path, at);
        if (!got.bytes.length) break;
        bytes.push(got.bytes);
        at += got.bytes.length;
      }
      const text = await new Blob(bytes).text();
      const save = element("a", "Save the patch");
      Object.assign(save, { href: file.href, download: "" });
      panel.replaceChildren(save, shown(text));
      if (file.size > LARGEST_PATCH) panel.prepend(element("p", "It is too large to be shown whole; save it for the rest.", "hint"));
    });
    if (!read) this.patched = false;
  }

  async prompt() {
    this.prompted = true;
    const panel = this.tabs[3].panel;
    const note = element("p", "Loading…", "hint");
    panel.replaceChildren(note);
    const read = await this.readable(note, async () => {
      const { prompt, skill } = await send("GET", `/api/jobs/${this.job}/prompts/${this.index}`);
      const args = Object.keys(skill.args).length ? ` ${JSON.stringify(skill.args)}` : "";
      const text = element("pre", prompt, "prompt");
      text.tabIndex = 0;
      panel.replaceChildren(element("p", `Exactly this is what its agent is told. Skill: ${skill.id}${args}`, "hint"), text);
    });
    if (!read) this.prompted = false;
  }

  // Whether it could be read. Where not, whoever looks again asks again.
  async readable(note, work) {
    try {
      await work();
      return true;
    } catch (error) {
      note.textContent = visible(`It cannot be read: ${error.message}`);
      note.className = "problem";
      note.hidden = false;
      return false;
    }
  }
}
