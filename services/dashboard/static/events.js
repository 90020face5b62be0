// The list of what happened; news are read out once the past has been told.
import { element, visible } from "./text.js";

const TOLD = /^(job\.|task\.stage\.|task\.step\.(started|finished|failed|cancelled|lost))/;
const KEPT = 2000;
const NEAR = 24;

export class Events {
  constructor(list, news) {
    this.list = list;
    this.news = news;
    this.live = false;
    this.last = 0;
    this.day = "";
  }

  current() {
    this.live = true;
  }

  take(event) {
    this.follow();
    if (event.sequence > this.last + 1) this.list.append(lacking(event.sequence));
    this.last = event.sequence;
    this.list.append(this.row(event));
    if (this.list.childElementCount > KEPT) {
      while (this.list.childElementCount >= KEPT) this.list.firstElementChild.remove();
      this.list.prepend(lacking(this.list.firstElementChild.value));
    }
    if (this.live && TOLD.test(event.type)) this.news.textContent = visible(event.message || event.type);
  }

  // Stays at the end where it was there; looked at once for all that come together.
  follow() {
    if (this.following) return;
    const { list } = this;
    const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < NEAR;
    this.following = requestAnimationFrame(() => {
      this.following = 0;
      if (atEnd) list.scrollTop = list.scrollHeight;
    });
  }

  row(event) {
    const made = element("li");
    made.value = event.sequence;
    const at = new Date(event.time);
    const day = at.toLocaleDateString();
    // The day stands where it begins: jobs may wait for a night, or be tried again after weeks.
    const time = element("time", day === this.day ? at.toLocaleTimeString() : at.toLocaleString());
    this.day = day;
    time.dateTime = event.time;
    time.title = event.time;
    made.append(time, " ", element("code", event.type), " ");
    if (event.step !== null) made.append(element("span", `step ${event.step}`, "raw"), " ");
    made.append(element("span", event.message));
    if (Object.keys(event.payload).length) {
      const more = element("details");
      more.append(element("summary", "facts"), element("pre", JSON.stringify(event.payload, null, 2)));
      made.append(more);
    }
    return made;
  }
}

function lacking(before) {
  return element("li", `Events before ${before} are not kept here: pawl watch has them all.`, "remark");
}
