// What a person can do to the job: each by a dialog that says what it means.
import { Refused, send } from "./calls.js";
import { visible } from "./text.js";

// Calls `reopened` where the job may have been opened again: here, or by somebody who was faster.
export function asks(job, reopened) {
  document.getElementById("actions").addEventListener("click", (event) => {
    const button = event.target.closest("[data-ask]");
    if (!button) return;
    const dialog = document.getElementById(button.dataset.ask);
    dialog.dataset.opener = button.id;
    if (button.dataset.steps) choices(dialog.querySelector("select"), JSON.parse(button.dataset.steps));
    dialog.querySelector(".problem").hidden = true;
    dialog.dataset.attempt = button.dataset.attempt ?? "";
    dialog.showModal();
  });
  ask("cancel", () => ({ reason: document.getElementById("reason").value }));
  ask("retry", () => {
    const from = document.getElementById("from").value;
    // Of the attempt that was seen: what somebody else has tried since is not tried once more.
    const { attempt } = document.getElementById("retry").dataset;
    return { from: from === "" ? null : Number(from), attempt: Number(attempt) };
  });

  function ask(name, told) {
    const dialog = document.getElementById(name);
    const problem = dialog.querySelector(".problem");
    dialog.querySelector("[data-close]").addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => {
      // The button that opened it may be gone: there is nothing to cancel any more.
      if (document.activeElement !== document.body && !dialog.contains(document.activeElement)) return;
      (document.getElementById(dialog.dataset.opener) ?? document.getElementById("main")).focus();
    });
    dialog.querySelector("form").addEventListener("submit", async (event) => {
      event.preventDefault();
      const buttons = dialog.querySelectorAll("button");
      for (const one of buttons) one.disabled = true;
      try {
        await send("POST", `/api/jobs/${job}/${name}`, told());
        dialog.close();
        if (name === "retry") reopened();
      } catch (error) {
        if (name === "retry" && error instanceof Refused) reopened();
        problem.textContent = visible(error.message);
        problem.hidden = false;
      } finally {
        for (const one of buttons) one.disabled = false;
      }
    });
  }
}

function choices(select, steps) {
  select.replaceChildren(...steps.map(([value, name]) => new Option(visible(name), value)));
}
