// The buttons above the form, and the drafts that are offered.
import * as drafts from "./drafts.js";
import { copy, download, fromFile, written } from "./exchange.js";
import { visible } from "./text.js";
import { tell } from "./telling.js";

const file = document.getElementById("file");
const offers = document.getElementById("drafts");

// `form` has load(payload, draft), changed({ all }), read(), draft(), isEmpty(draft), save(),
// requestId(payload, queueing).
export function tools(form) {
  on("[data-import]", () => file.click());
  file.addEventListener("change", () => attempt(async () => {
    const [chosen] = file.files;
    if (!chosen) return;
    const payload = await fromFile(chosen).finally(() => { file.value = ""; });
    replace(form, payload, {}, `${chosen.name} imported.`);
  }));
  on("[data-export]", async ({ dataset }) => {
    const { payload, queueing } = whole(form);
    download(`task.${dataset.export}`, await written(dataset.export, payload));
    const left = Object.keys(queueing);
    if (left.length) tell(`Exported without ${left.join(", ")}: options of pawl submit, for which a task's file has no place.`);
  });
  on("[data-copy]", async (button) => {
    const { payload, queueing } = whole(form);
    const requestId = form.requestId(payload, queueing);
    const text = await written(button.dataset.copy, payload, { requestId, queueing });
    const title = button.textContent.trim();
    if (await copy(title, text)) tell("Copied. Run twice, or submitted here too, it still makes one job.");
  });
  on("[data-clear]", () => replace(form, {}, {}, "The form is empty."));
  offer(form);
}

// Puts another task into the form. The one before it can be had back, and stays among the drafts.
export function replace(form, payload, draft, sentence) {
  const before = form.draft();
  if (!form.isEmpty(before)) form.save();
  const back = form.isEmpty(before) ? null : drafts.aside();
  form.load(payload, draft);
  form.changed({ all: Object.keys(payload).length > 0 });
  tell(sentence, back && (() => {
    back();
    form.load(before.payload, before);
    form.changed({ all: false });
    document.getElementById("task-instructions").focus();
    tell("The task is back.");
  }));
}

// The task as it can be written down. Throws with what cannot be read of it yet.
function whole(form) {
  const { payload, queueing, faults } = form.read();
  if (faults.length) throw new Error(`${faults[0].field}: ${faults[0].description}`);
  return { payload, queueing: queueing.values };
}

function offer(form) {
  const [newest] = drafts.left();
  offers.hidden = !newest || !form.isEmpty(form.draft());
  if (offers.hidden) return;
  const about = document.createElement("span");
  const objective = String(newest.draft.payload.task?.instructions ?? "").trim().slice(0, 120) || "no objective yet";
  const time = new Date(newest.draft.time).toLocaleString();
  about.textContent = `There is a draft of ${time}: ${visible(objective)}`;
  offers.replaceChildren(
    about,
    act("Continue it", () => {
      const draft = drafts.take(newest);
      offers.hidden = true;
      replace(form, draft.payload, draft, "Draft taken up.");
    }),
    act("Discard it", () => {
      drafts.discard(newest);
      offer(form);
    }),
  );
}

function act(name, does) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = name;
  button.addEventListener("click", does);
  return button;
}

function on(selector, does) {
  for (const button of document.querySelectorAll(selector)) {
    button.addEventListener("click", () => attempt(() => does(button)));
  }
}

export async function attempt(does) {
  try {
    await does();
  } catch (error) {
    tell(error.message);
  }
}
