// A file of lines, read from its end on, as far back as somebody asks.
import { part } from "./parts.js";

const SIZE = 256 * 1024;

export class Tail {
  constructor(job, path) {
    this.job = job;
    this.path = path;
    this.bytes = new Uint8Array();
  }

  // Reads the last part of it, or the one before what is here.
  async more() {
    const first = this.from === undefined;
    const { bytes, offset } = await part(this.job, this.path, first ? -SIZE : Math.max(0, this.from - SIZE));
    const fresh = first ? bytes : bytes.subarray(0, this.from - offset);
    const joined = new Uint8Array(fresh.length + this.bytes.length);
    joined.set(fresh);
    joined.set(this.bytes, fresh.length);
    this.bytes = joined;
    this.from = offset;
  }

  // Where the first whole line begins: that much of the file is before it.
  get before() {
    return this.from ? this.from + this.bytes.indexOf(10) + 1 : 0;
  }

  get lines() {
    return this.bytes.subarray(this.before - this.from);
  }
}
