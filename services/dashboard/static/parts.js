// Reads artifacts of the job, a part at a time, as bytes.
import { ask } from "./calls.js";

export async function part(job, path, offset = 0) {
  const query = new URLSearchParams({ path, offset });
  return ask(`/api/jobs/${job}/part?${query}`, { headers: { Accept: "application/json" } }, async (answer) => ({
    bytes: new Uint8Array(await answer.arrayBuffer()),
    offset: Number(answer.headers.get("X-Pawl-Offset")),
    size: Number(answer.headers.get("X-Pawl-Size")),
  }));
}

// The artifacts that the page lists now, with their sizes.
export function listed(path) {
  const row = document.querySelector(`#artifacts tr[data-key="${CSS.escape(path)}"]`);
  return row ? { path, size: Number(row.dataset.bytes), href: row.querySelector("a").href } : null;
}
