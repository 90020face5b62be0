// When each part of the job ran and for how long, by its events.
import { lasted } from "./text.js";

const SVG = "http://www.w3.org/2000/svg";
const ENDS = { finished: "good", failed: "bad", cancelled: "still", lost: "wait" };
const TERMINAL = new Set(["job.succeeded", "job.failed", "job.cancelled", "job.deadLettered"]);

export class Timeline {
  constructor(table) {
    this.rows = new Map([...table.querySelectorAll("tr[data-row]")].map((row) => [row.dataset.row, { row, bars: [] }]));
    this.box = table.parentElement;
    this.begin = null;
    this.end = null;
    setInterval(() => { if (!this.end && !document.hidden) this.draw(); }, 1000);
  }

  take(event) {
    const at = Date.parse(event.time);
    if (Number.isNaN(at)) return;
    this.begin ??= at;
    const { type } = event;
    if (type === "job.submitted" || type === "job.requeued" || type === "job.retried") {
      this.finish(at, "wait");
      this.start("wait", at);
      this.end = null;
    } else if (type === "job.claimed") {
      this.close("wait", at, "still");
    } else if (TERMINAL.has(type)) {
      this.finish(at, type === "job.succeeded" ? "good" : type === "job.cancelled" ? "still" : "bad");
      this.end = at;
    } else if (type.startsWith("task.step.") && event.step !== null) {
      this.part(`step-${event.step}`, type.slice("task.step.".length), at);
    } else if (type.startsWith("task.stage.") && event.stage !== "execute") {
      this.part(event.stage, type.slice("task.stage.".length), at);
    }
    this.soon();
  }

  part(key, what, at) {
    if (what === "started") this.start(key, at);
    else if (what in ENDS) this.close(key, at, ENDS[what]);
  }

  start(key, at) {
    this.close(key, at, "still");
    this.rows.get(key)?.bars.push({ from: at, to: null, look: key === "wait" ? "wait" : "busy" });
    this.newest = this.rows.get(key)?.row ?? this.newest;
  }

  close(key, at, look) {
    const bar = this.rows.get(key)?.bars.at(-1);
    if (bar && bar.to === null) Object.assign(bar, { to: at, look });
  }

  finish(at, look) {
    for (const key of this.rows.keys()) this.close(key, at, look);
  }

  soon() {
    if (this.drawing) return;
    this.drawing = requestAnimationFrame(() => { this.drawing = 0; this.draw(); });
  }

  draw() {
    if (this.begin === null) return;
    // What begins is brought into view, unless somebody reads elsewhere in it.
    if (this.newest && !this.box.matches(":hover, :focus-within")) {
      this.box.scrollTop = this.newest.offsetTop - this.box.clientHeight / 2;
    }
    this.newest = null;
    // The browser's clock may be behind the service's.
    const newest = Math.max(...[...this.rows.values()].flatMap(({ bars }) => bars.map((bar) => bar.to ?? bar.from)));
    const now = this.end ?? Math.max(Date.now(), newest);
    const whole = Math.max(now - this.begin, 1);
    for (const { row, bars } of this.rows.values()) {
      const svg = row.querySelector("svg");
      svg.replaceChildren(...bars.map((bar) => rect(bar, this.begin, whole, now)));
      const took = bars.reduce((sum, bar) => sum + (bar.to ?? now) - bar.from, 0) / 1000;
      const told = bars.length ? spoken(took) : "–";
      row.querySelector(".took").textContent = told;
      const first = bars.length ? spoken((bars[0].from - this.begin) / 1000) : "";
      svg.setAttribute("aria-label", bars.length ? `began after ${first}, took ${told}` : "not begun");
    }
  }
}

function spoken(seconds) {
  return seconds < 10 ? `${Math.max(0, seconds).toFixed(1)} s` : lasted(seconds);
}

function rect(bar, begin, whole, now) {
  const made = document.createElementNS(SVG, "rect");
  const percent = (time) => (100 * (time - begin)) / whole;
  const from = percent(bar.from);
  made.setAttribute("x", `${from}%`);
  made.setAttribute("width", `${Math.max(percent(bar.to ?? now) - from, 0.4)}%`);
  made.setAttribute("height", "100%");
  made.setAttribute("class", `bar ${bar.look}`);
  return made;
}
