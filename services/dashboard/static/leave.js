// Ends the session; by a request of our own, since a form cannot send the session's word. Drafts are
// the browser's, and would be there for whoever uses it next: who leaves says what becomes of them.
import { part, send } from "./calls.js";
import { all } from "./drafts.js";
import { visible } from "./text.js";

const dialog = document.getElementById("leave");
const connection = document.getElementById("connection");

document.querySelector("[data-leave]").addEventListener("click", () => {
  const kept = all().length;
  if (!kept) {
    leave();
    return;
  }
  dialog.querySelector("[data-count]").textContent = kept === 1 ? "a draft of a task" : `${kept} drafts of tasks`;
  dialog.returnValue = "";
  dialog.showModal();
});

dialog.addEventListener("close", () => {
  if (dialog.returnValue) leave({ drafts: dialog.returnValue });
});

async function leave({ drafts = "keep" } = {}) {
  part(true);
  try {
    await send("POST", "/logout");
  } catch (error) {
    // Where the session has ended already, what was asked for is still to be done.
    if (error.status !== 401) {
      part(false);
      connection.textContent = visible(`${error.message} You are still logged in.`);
      connection.hidden = false;
      return;
    }
  }
  if (drafts === "remove") {
    // The form would write its own down again as its page goes.
    document.dispatchEvent(new Event("drafts-go"));
    for (const key of all()) localStorage.removeItem(key);
  }
  location.assign("/login");
}
