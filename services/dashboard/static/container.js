// The container's fields, which few tasks need: there while one is wanted, or something is written there.

const place = document.getElementById("container");
const enabled = document.querySelector("[data-path='task.container.enabled']");
const controls = [...place.querySelectorAll("[data-path]")];

export function unfold() {
  const wanted = enabled.value !== "" || controls.some((one) => one.value !== "");
  // Who has just emptied the last field should not lose it.
  if (wanted || !place.contains(document.activeElement)) place.hidden = !wanted;
}
