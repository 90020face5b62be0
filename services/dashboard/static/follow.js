// Keeps a box at its end while somebody follows it; scrolling up stops that, back to the end resumes.

const NEAR = 24;

export class Follow {
  constructor(box, label = "Follow") {
    this.box = box;
    this.label = document.createElement("label");
    this.label.className = "follow";
    this.check = document.createElement("input");
    this.check.type = "checkbox";
    this.check.checked = true;
    this.label.append(this.check, ` ${label}`);
    this.check.addEventListener("change", () => this.settle());
    this.was = { top: 0, height: 0, room: 0 };
    box.addEventListener("scroll", () => this.scrolled());
    // A box that was hidden, or changed its size, is where it was left no more.
    new ResizeObserver(() => this.settle()).observe(box);
  }

  scrolled() {
    const { scrollTop: top, scrollHeight: height, clientHeight: room } = this.box;
    const same = height === this.was.height && room === this.was.room;
    if (same && top < this.was.top) this.check.checked = false;
    if (same && top > this.was.top && height - top - room < NEAR) this.check.checked = true;
    this.was = { top, height, room };
  }

  get followed() {
    return this.check.checked;
  }

  stop() {
    this.check.checked = false;
  }

  settle() {
    if (this.check.checked) this.box.scrollTop = this.box.scrollHeight;
  }
}
