// The page of one job: its stream, and who of the page takes what from it.
import { asks } from "./asks.js";
import { Events } from "./events.js";
import { liken, parsed } from "./likeness.js";
import { StepView } from "./step_view.js";
import { Stream } from "./stream.js";
import { lasted } from "./text.js";
import { Timeline } from "./timeline.js";

const job = document.getElementById("job").dataset.job;
const connection = document.getElementById("connection");
const away = document.getElementById("away");
const events = new Events(document.getElementById("events"), document.getElementById("news"));
const timeline = new Timeline(document.getElementById("timeline"));
const steps = [...document.querySelectorAll("details.step")].map((home) => new StepView(home, job));
let touched = Boolean(location.hash); // somebody chose what is open, or does something in it
let opened = null;

for (const { home } of steps) {
  for (const kind of ["click", "pointerdown", "keydown"]) home.addEventListener(kind, () => { touched = true; });
}

function attend(step) {
  // Who has scrolled up in one reads it.
  if (touched || !step || step === opened || opened?.followed === false) return;
  if (opened) opened.home.open = false;
  opened = step;
  step.home.open = true;
}

function reveal() {
  const step = location.hash && document.querySelector(`details.step${CSS.escape(location.hash).replace(/^\\#/, "#")}`);
  if (step) step.open = true;
}

const stream = new Stream(`/api/jobs/${job}/stream`, {
  happened(event) {
    events.take(event);
    timeline.take(event);
    if (event.type.startsWith("task.step.") && event.step !== null) {
      steps[event.step]?.take(event);
      if (events.live && event.type === "task.step.started") attend(steps[event.step]);
    }
  },
  current() {
    events.current();
    attend(steps.find((step) => step.running) ?? steps[document.querySelector("[data-fault]")?.dataset.fault]);
  },
  activity(done) {
    steps[done.step]?.activities.take(done);
    steps[done.step]?.refresh();
  },
  output(chunk) {
    steps[chunk.step]?.output(chunk);
  },
  piece({ id, html }) {
    const home = document.getElementById(id);
    if (home) liken(home, parsed(html));
    tick();
    if (id === "artifacts") for (const step of steps) step.refresh();
  },
  away({ message }) {
    away.textContent = message;
    away.hidden = !message;
  },
}, (sentence) => {
  connection.textContent = sentence;
  connection.hidden = !sentence;
});

function tick() {
  if (document.hidden) return;
  for (const took of document.querySelectorAll(".took[data-since]:not([data-until])")) {
    took.textContent = lasted((Date.now() - Date.parse(took.dataset.since)) / 1000);
  }
}

setInterval(tick, 1000);
tick();
addEventListener("hashchange", reveal);
reveal();
asks(job, () => stream.open());
stream.open();
