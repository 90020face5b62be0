// Finds words in the rows of a box: marks them, counts them, goes from one to the next.
import { element } from "./text.js";

export class Find {
  constructor(name, box, follow) {
    this.box = box;
    this.follow = follow;
    this.words = element("input");
    this.words.type = "search";
    this.words.placeholder = "Find";
    this.words.setAttribute("aria-label", `Find in ${name}`);
    this.found = element("output", "", "raw");
    this.only = element("label", "", "follow");
    this.only.append(Object.assign(document.createElement("input"), { type: "checkbox" }), " Only these");
    this.parts = [this.words, this.found, this.only];
    this.forget();
    this.words.addEventListener("input", () => this.search());
    this.words.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      this.step(event.shiftKey ? -1 : 1);
    });
    this.only.addEventListener("change", () => this.sift());
  }

  get query() {
    return this.words.value.toLowerCase();
  }

  // The rows of before are gone: the next step begins at the first of the new ones.
  forget() {
    this.at = -1;
  }

  // Without words to find there is nothing to leave away.
  sift() {
    this.box.classList.toggle("only", this.only.firstChild.checked && Boolean(this.query));
  }

  search() {
    this.forget();
    this.sift();
    for (const row of this.box.children) this.mark(row);
    this.step(1);
  }

  mark(row) {
    row.classList.toggle("hit", Boolean(this.query) && row.textContent.toLowerCase().includes(this.query));
  }

  step(by) {
    const hits = [...this.box.querySelectorAll(".hit")];
    this.box.querySelector(".at")?.classList.remove("at");
    if (!hits.length) {
      this.found.textContent = this.query ? "nothing found" : "";
      return;
    }
    this.at = (this.at + by + hits.length) % hits.length;
    hits[this.at].classList.add("at");
    this.follow.stop();
    this.box.scrollTop = hits[this.at].offsetTop - this.box.clientHeight / 2;
    this.found.textContent = `${this.at + 1} of ${hits.length}`;
  }
}
