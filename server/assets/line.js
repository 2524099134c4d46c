// The line to the server: its events, its clock, and the truth about both.
//
// In: the address of the stream, a function for each event. Out: the pill, `data-link` on the body.
// Promises: 2 s without a heartbeat and the page says so; 10 s and it says since when it is stale;
// it never stops trying.
// Invariant: time is the server's, carried on by a monotonic clock; the device's own clock may be
// wrong by hours and is not read.

import { text } from "./words.js";

const RECONNECTING_AFTER_MS = 2_000;
const STALE_AFTER_MS = 10_000;
const REOPEN_AFTER_MS = 3_000;

export class Line {
  state = "live";
  #source = null;
  #server_ms;
  #heard = performance.now();
  #opened = performance.now();
  #handlers;
  #pill = document.querySelector(".link-state");
  #clock;

  /** `handlers`: one for each event's name, and `open`, `state`. */
  constructor(handlers) {
    const { nowMs, zone } = document.body.dataset;
    this.#server_ms = Number(nowMs);
    this.#handlers = handlers;
    this.#clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: zone });
    this.#pill.hidden = false;
    document.body.dataset.link = this.state;
    this.#open();
    setInterval(() => this.#check(), 500);
  }

  /** The server's time, carried on while the line is down. */
  now() {
    return this.#server_ms + (performance.now() - this.#heard);
  }

  /** `14:09` in the store. */
  clock(at_ms) {
    return this.#clock.format(at_ms);
  }

  /** When the server was last heard. */
  heard() {
    return this.#server_ms;
  }

  #open() {
    this.#source?.close();
    this.#opened = performance.now();
    const source = new EventSource(document.body.dataset.events);
    this.#source = source;
    source.addEventListener("heartbeat", (event) => {
      this.#server_ms = JSON.parse(event.data).server_ms;
      this.#heard = performance.now();
      this.#show("live");
    });
    for (const [name, handler] of Object.entries(this.#handlers)) {
      if (name === "open" || name === "state") continue;
      source.addEventListener(name, (event) => handler(JSON.parse(event.data)));
    }
    source.addEventListener("open", () => this.#handlers.open());
    source.addEventListener("error", () => {
      // A refused stream (502, 401) is closed for good by the browser; a dropped one is not.
      if (source.readyState === EventSource.CLOSED && source === this.#source) {
        setTimeout(() => source === this.#source && this.#open(), REOPEN_AFTER_MS);
      }
    });
  }

  #check() {
    const silent_ms = performance.now() - this.#heard;
    if (silent_ms >= STALE_AFTER_MS) this.#show("stale");
    else if (silent_ms >= RECONNECTING_AFTER_MS) this.#show("reconnecting");
    // A line that died without a word stays "open" for the browser: begin again.
    if (silent_ms >= STALE_AFTER_MS && performance.now() - this.#opened >= STALE_AFTER_MS) this.#open();
  }

  #show(state) {
    if (state === this.state) return;
    this.state = state;
    document.body.dataset.link = state;
    this.#pill.dataset.state = state;
    this.#pill.firstElementChild.textContent = text(`link-${state}`, { time: this.clock(this.#server_ms) });
    this.#handlers.state?.(state);
  }
}
