// The task as text: files in and out, and commands to copy.
import { send } from "./calls.js";

const LARGEST = 4 * 1024 * 1024;
const dialog = document.getElementById("text");

// The payload in a file. Throws with a sentence that says what is wrong with it.
export async function fromFile(file) {
  if (file.size > LARGEST) throw new Error(`${file.name} has more than 4 MiB; no task needs that.`);
  const bytes = await file.arrayBuffer();
  let text;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new Error(`${file.name} is not UTF-8; save it as UTF-8.`);
  }
  return (await send("POST", "/api/tasks/read", { name: file.name, text })).payload;
}

export async function fromJob(jobId) {
  return send("GET", `/api/jobs/${encodeURIComponent(jobId)}/task`);
}

export async function written(form, payload, { requestId, queueing } = {}) {
  return (await send("POST", "/api/tasks/write", { ...queueing, as: form, payload, requestId })).text;
}

export function download(name, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/octet-stream" }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

// False where the browser does not let pages write to the clipboard: then the text is shown.
export async function copy(title, text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    document.getElementById("text-head").textContent = title;
    const area = dialog.querySelector("textarea");
    area.value = text;
    dialog.showModal();
    area.select();
    return false;
  }
}
