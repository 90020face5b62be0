// Has the contract judge the task as it is written: a moment after the last change, the newest alone.
import { send } from "./calls.js";

const AFTER = 350;
const AGAIN = 2000;
const LATEST = 30000;
const LIMIT = 30000;

export class Check {
  #read;
  #told;
  #timer;
  #asking;
  #pause = AGAIN;

  // `read` gives the task as the form has it; `told` takes what is known of it.
  constructor(read, told) {
    this.#read = read;
    this.#told = told;
  }

  soon(wait = AFTER) {
    clearTimeout(this.#timer);
    this.#asking?.abort();
    this.#told({ state: "checking" });
    this.#timer = setTimeout(() => this.now(), wait);
  }

  // What the contract says of the task as it is now; state "unknown" where it does not answer, and
  // "checking" where the task has changed meanwhile.
  async now() {
    clearTimeout(this.#timer);
    this.#asking?.abort();
    const asking = new AbortController();
    this.#asking = asking;
    const { payload, faults } = this.#read();
    try {
      const signal = AbortSignal.any([asking.signal, AbortSignal.timeout(LIMIT)]);
      const answer = await send("POST", "/api/tasks/validate", { payload }, { signal });
      if (asking.signal.aborted) return { state: "checking" };
      this.#pause = AGAIN;
      return this.#say({ state: "known", ...answer, faults: [...faults, ...answer.violations] });
    } catch (error) {
      if (asking.signal.aborted) return { state: "checking" };
      if (error.reason === "TASK_UNUSABLE") {
        const fault = { field: "", reason: error.reason, description: error.message };
        return this.#say({ state: "known", warnings: [], faults: [...faults, fault] });
      }
      this.#timer = setTimeout(() => this.now(), this.#pause);
      this.#pause = Math.min(2 * this.#pause, LATEST);
      return this.#say({ state: "unknown", faults, message: error.message });
    }
  }

  #say(told) {
    this.#told(told);
    return told;
  }

  stop() {
    clearTimeout(this.#timer);
    this.#asking?.abort();
  }
}
