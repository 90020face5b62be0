// The page of a new task: ties the form to its checks, its draft and the submit.
import { Refused, send } from "./calls.js";
import { Check } from "./check.js";
import { unfold } from "./container.js";
import * as drafts from "./drafts.js";
import * as faults from "./faults.js";
import { fromJob } from "./exchange.js";
import { written } from "./fields.js";
import { showPlan, showStanding } from "./plan.js";
import * as queueing from "./queueing.js";
import * as steps from "./steps.js";
import * as task from "./task.js";
import { visible } from "./text.js";
import { attend, hold, tell } from "./telling.js";
import { attempt, replace, tools } from "./tools.js";

const form = document.getElementById("task");
const button = document.querySelector("[data-submit]");
const SAVE_AFTER = 200;
const REPEATS = [500, 1500, 4000];

let sent = null; // the request id that a payload was sent with, so that it makes one job
let wanted = false; // whether all that is missing should be told
let saving; // a draft is written a moment after the last change, and when the page is left
let unsaved = false; // whether anything was written since: else a draft that was removed stays so
let leaving = false; // there is to be no draft any more
let known = null; // what the contract said last, of the task as it is

function read() {
  const told = task.read();
  const beside = queueing.read();
  return { ...told, queueing: beside, faults: [...told.faults, ...beside.faults] };
}

const check = new Check(read, (told) => {
  known = told.state === "known" ? told : null;
  if (told.state !== "checking") faults.show(told.faults, { all: wanted });
  if (told.state === "known") showPlan(told.digest ? told.preview : null, told.warnings);
  showStanding(told);
});

function changed({ all = wanted } = {}) {
  wanted = all;
  keptFields();
  unfold();
  check.soon();
  unsaved = true;
  clearTimeout(saving);
  saving = setTimeout(save, SAVE_AFTER);
}

const draft = () => ({ ...read(), sent });
const isEmpty = ({ payload, texts, queueing: beside }) => (
  Object.keys(payload).length + Object.keys(texts).length === 0 && queueing.isEmpty(beside)
);

function save() {
  clearTimeout(saving);
  unsaved = false;
  if (leaving) return;
  const now = draft();
  if (isEmpty(now)) drafts.drop();
  else if (!drafts.keep({ payload: now.payload, texts: now.texts, by: now.by, queueing: now.queueing, sent })) {
    hold("This browser has no room for the draft: export the task to keep it.");
  }
}

function load(payload, given = {}) {
  task.show(payload, given);
  queueing.show(given.queueing);
  unfold();
  sent = given.sent ?? null;
}

function keptFields() {
  const names = task.kept();
  document.getElementById("kept").hidden = names.length === 0;
  document.querySelector("[data-kept]").textContent = visible(names.join(", "));
}

// The same for the same payload, also after a reload: asking again then gives the same job.
function requestId(payload, beside) {
  const text = JSON.stringify([payload, beside]);
  if (sent?.text !== text) sent = { id: drafts.token(), text };
  save();
  return sent.id;
}

function isSent() {
  const { payload, queueing: { values } } = read();
  return JSON.stringify([payload, values]) === sent.text;
}

form.addEventListener("input", (event) => {
  const one = event.target.closest("[data-path]");
  if (!one) return;
  task.touch(one);
  if (one.dataset.path === "targetRuntime") task.follow();
  changed();
});
form.addEventListener("focusout", (event) => {
  if (!event.target.matches("[data-path]")) return;
  faults.visit(event.target);
  if (known) faults.show(known.faults, { all: wanted });
});
form.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit(button);
  // A line of its own should not send the whole task.
  else if (event.key === "Enter" && event.target.matches("input")) event.preventDefault();
});
document.querySelector("[data-add]").addEventListener("click", () => steps.add());
steps.listen((sentence, undo) => {
  tell(sentence, undo);
  changed();
});

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  submit().finally(() => button.removeAttribute("aria-disabled"));
});

async function submit() {
  wanted = true;
  const judged = known ?? await check.now();
  if (judged.state === "checking") {
    tell("The task has changed meanwhile. Submit again.");
    return;
  }
  if (enterFault(judged)) {
    tell("Nothing was submitted: mend what is marked.");
    return;
  }
  // Where the contract does not answer, the orchestrator asks it once more, and judges alone.
  const { payload, queueing: { values } } = read();
  const body = { ...values, payload, requestId: requestId(payload, values), expectedDigest: judged.digest ?? "" };
  attend("Submitting…");
  try {
    const { jobId } = await insist(body);
    check.stop();
    // What was written since is another task, and stays as a draft.
    if (isSent()) drafts.drop();
    else save();
    leaving = true;
    location.assign(`/tasks/queue/${encodeURIComponent(jobId)}`);
  } catch (error) {
    refused(error);
  }
}

// Goes to the first thing that is wrong; false where nothing is.
function enterFault({ faults: found = [] }) {
  const [first] = faults.show(found, { all: true });
  if (first) faults.enter(first);
  return Boolean(first);
}

// A lost answer is asked for again: the request id makes it the same job.
async function insist(body) {
  for (const pause of [...REPEATS, null]) {
    try {
      return await send("POST", "/api/tasks", body);
    } catch (error) {
      if (pause === null || (error instanceof Refused && error.status !== 503)) throw error;
      attend("No answer yet; asking again.");
      await new Promise((resolve) => { setTimeout(resolve, pause); });
    }
  }
  return null;
}

function refused(error) {
  if (!(error instanceof Refused)) {
    hold("Nobody answered. Submit again: a task that was stored already makes no second job.");
  } else if (error.reason === "DIGEST_MISMATCH") {
    hold("The plan has changed since you saw it. Look at it, then submit again.");
    check.soon(0);
  } else if (error.reason === "TASK_INVALID" || queueing.blame(error.answer.violations ?? [])) {
    hold("The task was refused: mend what is marked.");
    check.now().then(enterFault);
  } else {
    hold(`${error.message} ${error.reason}`);
  }
}

const saveIfNeeded = () => { if (unsaved) save(); };
document.addEventListener("visibilitychange", () => { if (document.hidden) saveIfNeeded(); });
// Who logs out is asked about all drafts, the last words of this one included.
document.querySelector("[data-leave]").addEventListener("click", saveIfNeeded, { capture: true });
document.addEventListener("drafts-go", () => { leaving = true; });
drafts.listen(() => { unsaved = true; });
addEventListener("pagehide", () => {
  saveIfNeeded();
  check.stop();
});
// Shown again by "back" after its task was submitted: that one is no draft any more.
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

const page = { load, changed, read, save, requestId, draft, isEmpty };
const kept = drafts.mine();
const early = written(form.querySelectorAll("[data-path]"));
load(kept?.payload ?? {}, kept ?? {});
if (kept) changed({ all: false });
for (const [one, text] of early) {
  one.value = text;
  one.dispatchEvent(new Event("input", { bubbles: true }));
}
tools(page);

const from = new URLSearchParams(location.search).get("from");
if (from) {
  attempt(async () => {
    const { payload, queueing: values } = await fromJob(from);
    // Once: from now on a reload should find what was changed since.
    history.replaceState(null, "", location.pathname);
    replace(page, payload, { queueing: { values } }, "The job's task, to be changed and run again.");
  });
}
