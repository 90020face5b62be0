// Follows a job's stream: resumes behind the last event, backs off, rests while nobody looks.
import { ask } from "./calls.js";

const FIRST_WAIT = 500;
const LONGEST_WAIT = 30000;
const SILENCE = 40000; // more than two beats of the server
const REST_AFTER = 20000; // hidden for so long, a page gives its connection back

export class Stream {
  // `takes` has a function per kind of frame; `connection(sentence)` gets "" once all is well.
  constructor(path, takes, connection) {
    this.path = path;
    this.takes = takes;
    this.connection = connection;
    this.last = 0;
    this.wait = FIRST_WAIT;
    this.timers = {};
    this.gone = false; // there is no such job
    document.addEventListener("visibilitychange", () => this.seen());
    addEventListener("pagehide", () => this.close());
    addEventListener("pageshow", (event) => { if (event.persisted) this.open(); });
    addEventListener("online", () => { if (!this.source) this.open(); });
  }

  open() {
    this.close();
    // A tab in the background holds no connection: browsers make but six to one host. `seen` opens it.
    if (document.hidden) return;
    const source = new EventSource(`${this.path}?after=${this.last}`);
    this.source = source;
    this.listen();
    source.addEventListener("error", () => {
      if (this.source !== source) return;
      this.lost("The connection is lost; reconnecting.");
      welcome().catch(() => {}); // nobody answers, which is told already
    });
    source.addEventListener("beat", () => this.well());
    source.addEventListener("end", () => { this.well(); this.close(); this.takes.end?.(); });
    source.addEventListener("trouble", (event) => {
      const { reason, message } = JSON.parse(event.data);
      this.gone = reason === "JOB_NOT_FOUND";
      this.lost(this.gone ? message : `${message} Reconnecting.`);
    });
    for (const [kind, take] of Object.entries(this.takes)) {
      if (kind === "end") continue;
      source.addEventListener(kind, (event) => {
        this.well();
        const told = JSON.parse(event.data);
        if (kind === "happened") {
          if (told.sequence <= this.last) return;
          this.last = told.sequence;
        }
        take(told);
      });
    }
  }

  close() {
    this.source?.close();
    this.source = null;
    for (const timer of Object.values(this.timers)) clearTimeout(timer);
    this.timers = {};
  }

  well() {
    this.wait = FIRST_WAIT;
    this.connection("");
    this.listen();
  }

  listen() {
    clearTimeout(this.timers.silence);
    this.timers.silence = setTimeout(() => this.lost("The dashboard is silent; reconnecting."), SILENCE);
  }

  lost(sentence) {
    this.close();
    this.connection(sentence);
    if (this.gone) return;
    // Scattered, so that many pages do not come back at once.
    this.timers.again = setTimeout(() => this.open(), this.wait * (0.5 + Math.random() / 2));
    this.wait = Math.min(2 * this.wait, LONGEST_WAIT);
  }

  seen() {
    clearTimeout(this.timers.rest);
    if (this.gone) return;
    // A job that had ended may have been opened again meanwhile.
    if (document.hidden) this.timers.rest = setTimeout(() => this.close(), REST_AFTER);
    else if (!this.source) { this.wait = FIRST_WAIT; this.open(); }
  }
}

// A browser does not tell scripts why a stream was refused. Without a session it ends at the login.
function welcome() {
  return ask("/", { method: "HEAD", headers: { Accept: "application/json" }, redirect: "manual" }, () => null);
}
