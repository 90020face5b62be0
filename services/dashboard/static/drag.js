// Moves a step by its grip, with a mouse, a pen or a finger; Escape puts it back.

const EDGE = 0.12; // of the window's height, at either end, where dragging scrolls
const SPEED = 12; // pixels a frame
const STILL = 8; // pixels

export function drag(place, { shift, told }) {
  place.addEventListener("pointerdown", (event) => {
    const grip = event.target.closest("[data-grip]");
    if (!grip || event.button !== 0) return;
    event.preventDefault();
    grip.focus();
    follow(grip, event);
  });

  function follow(grip, { pointerId, clientY }) {
    const step = grip.closest(".step");
    const began = [...place.children].indexOf(step);
    const ending = new AbortController();
    const { signal } = ending;
    let at = clientY;
    grip.setPointerCapture(pointerId);
    step.classList.add("dragged");

    const settle = () => {
      // One place at a time: each swap changes where the others are.
      for (const by of [-1, 1]) {
        while (past(step, by, at) && shift(step, by));
      }
    };
    const scroll = () => {
      if (signal.aborted) return;
      const edge = innerHeight * EDGE;
      // Who only presses the grip, near an edge, wants nothing to move.
      const far = Math.abs(at - clientY) > STILL;
      let by = 0;
      if (far && at < edge) by = -SPEED;
      if (far && at > innerHeight - edge) by = SPEED;
      if (by) {
        scrollBy(0, by);
        settle();
      }
      requestAnimationFrame(scroll);
    };
    const end = (back) => {
      if (signal.aborted) return;
      ending.abort();
      step.classList.remove("dragged");
      if (!back) return;
      for (let now = [...place.children].indexOf(step); now !== began; now += Math.sign(began - now)) {
        shift(step, Math.sign(began - now));
      }
      told("The step is back where it was.");
    };

    grip.addEventListener("pointermove", (event) => { at = event.clientY; settle(); }, { signal });
    grip.addEventListener("pointerup", () => end(false), { signal });
    grip.addEventListener("pointercancel", () => end(true), { signal });
    grip.addEventListener("lostpointercapture", () => end(false), { signal });
    addEventListener("keydown", (event) => { if (event.key === "Escape") end(true); }, { signal });
    requestAnimationFrame(scroll);
  }
}

// Whether the pointer is so far over the neighbour that the two, once swapped, would stay so.
function past(step, by, at) {
  const neighbour = by < 0 ? step.previousElementSibling : step.nextElementSibling;
  if (!neighbour) return false;
  const mine = step.getBoundingClientRect();
  const other = neighbour.getBoundingClientRect();
  return by < 0 ? at < other.top + Math.min(mine.height, other.height) / 2
    : at > other.bottom - Math.min(mine.height, other.height) / 2;
}
