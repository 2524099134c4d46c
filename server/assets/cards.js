// The cards on the board: where each stands, and its clock.
//
// In: updates from the stream or from a fresh copy of the page. Out: articles in their places.
// Promises: a card under finger or focus never moves; buttons, focus and half a typed code
// survive an update that changes only what is said about the customer.
// Invariant: the server writes a card's words; here they are placed, and the clock carried on.

import { minutes, text } from "./words.js";

const LIMIT_S = 120;
const EARS_EVERY_S = 15;
/** How loudly a card calls, as the engine says, quietest first. */
const CALLS = ["", "everybody", "manager"];

export class Cards {
  /** Set by the taps: true while a card waits for the answer to one. */
  busy = () => false;
  #line;
  #say;
  #later = new Map();
  #pressed = null;
  #hovers = matchMedia("(hover: hover)");

  constructor(line, say) {
    this.#line = line;
    this.#say = say;
    document.addEventListener("pointerdown", (event) => (this.#pressed = event.target.closest(".card")));
    for (const kind of ["pointerup", "pointercancel"]) {
      // The click that belongs to this finger comes right after it: stay put until then.
      document.addEventListener(kind, () => setTimeout(() => (this.#pressed = null), 300));
    }
  }

  /** An `event: card`. */
  apply(update) {
    this.#later.delete(update.card);
    const card = byId(update.card);
    if (!card) {
      if (update.section !== "gone") this.#enter(update);
    } else if (this.busy(update.card)) {
      this.#later.set(update.card, { update, at: performance.now() });
    } else if (update.section === "gone") {
      if (this.#held(card)) this.#later.set(update.card, { update, at: performance.now() });
      else card.remove();
    } else {
      this.#rewrite(card, fresh(update.html));
      this.#settle(card);
    }
  }

  /** A tap is answered. What came before a tap that was done is older than the tap. */
  answered(tap, done) {
    const held_back = this.#later.get(tap.card);
    if (done && held_back && held_back.at < tap.sent) this.#later.delete(tap.card);
    this.tick();
  }

  /** Once a second: what had to wait, then the clocks. */
  tick() {
    for (const { update, at } of [...this.#later.values()]) {
      this.apply(update);
      if (this.#later.has(update.card)) this.#later.get(update.card).at = at;
    }
    for (const card of document.querySelectorAll(".card")) {
      this.#settle(card);
      if (card.dataset.arrivedMs) this.#run(card);
    }
    for (const left of document.querySelectorAll("[data-until-ms]")) {
      const left_s = Math.ceil((Number(left.dataset.untilMs) - this.#line.now()) / 1_000);
      left.textContent = minutes(Math.max(0, left_s));
      if (left_s > 0) continue;
      const form = left.closest("form");
      if (form.contains(document.activeElement)) document.querySelector("#h-now").focus({ preventScroll: true });
      form.remove();
    }
  }

  /** How loudly the loudest card calls to which nobody goes; null: nobody waits for that. */
  loudest() {
    const waiting = [...document.querySelectorAll('.card[data-shape="waiting"]')];
    if (waiting.length === 0) return null;
    const calls = waiting.map(({ dataset }) => dataset.call);
    return CALLS.findLast((call) => calls.includes(call)) ?? "";
  }

  #enter(update) {
    const card = fresh(update.html);
    card.classList.add("card-new");
    place(card);
    if (card.dataset.shape === "waiting") this.#say(text("say-new", { name: nameOf(card) }));
  }

  #rewrite(card, now) {
    const same_buttons = card.dataset.shape === now.dataset.shape && card.querySelector(".card-main");
    const focused = card.contains(document.activeElement) ? document.activeElement : null;
    const kept = same_buttons && card.querySelector(".card-actions");
    // The node with the focus must stay in the document, or the focus is gone: so the new parts
    // are put around it.
    if (kept) {
      for (const part of [".card-main", ".threshold"]) {
        const [old, fresh_part] = [card.querySelector(part), now.querySelector(part)];
        if (old && fresh_part) old.replaceWith(fresh_part);
      }
    } else {
      card.replaceChildren(...now.childNodes);
    }
    const [was, called] = [card.dataset.shape, card.dataset.call];
    for (const { name, value } of now.attributes) card.setAttribute(name, value);
    if (!now.dataset.arrivedMs) delete card.dataset.arrivedMs;
    if (was !== card.dataset.shape) {
      const state = card.querySelector(".state");
      this.#say(`${nameOf(card)}: ${state.textContent.trim()}`);
    }
    if (card.dataset.call && called !== card.dataset.call) {
      this.#say(text(card.dataset.call === "manager" ? "say-manager" : "say-called", { name: nameOf(card) }));
    }
    if (focused && !kept) refocus(card, focused);
  }

  #settle(card) {
    if (!isInPlace(card) && !this.#held(card)) place(card);
  }

  #held(card) {
    return (
      card === this.#pressed ||
      card.contains(document.activeElement) ||
      (this.#hovers.matches && card.matches(":hover"))
    );
  }

  // Eyes get the time every second, ears every 15.
  #run(card) {
    const time = card.querySelector(".clock time");
    if (!time) return;
    const waited_s = Math.max(0, Math.floor((this.#line.now() - Number(card.dataset.arrivedMs)) / 1_000));
    time.textContent = minutes(waited_s);
    time.dateTime = `PT${waited_s}S`;
    const foot = card.querySelector(".threshold");
    foot?.style.setProperty("--part", Math.min(1, waited_s / LIMIT_S));
    if (waited_s % EARS_EVERY_S === 0) {
      foot?.setAttribute("aria-valuenow", Math.min(LIMIT_S, waited_s));
      foot?.setAttribute("aria-valuetext", text("wait-value", { min: Math.floor(waited_s / 60), sec: waited_s % 60 }));
    }
    if (waited_s <= LIMIT_S) return;
    card.classList.add("is-over");
    card.querySelector(".clock small").textContent = text("over-limit", { time: minutes(waited_s - LIMIT_S) });
    if (card.classList.contains("card-here")) {
      card.classList.replace("card-here", "card-late");
      showState(card, "late", text("state-late"));
      this.#say(text("say-late", { name: nameOf(card) }));
    }
  }
}

/** A state as word and shape. */
export function showState(card, icon, words) {
  const drawing = document.querySelector(`#icons`).content.querySelector(`[data-icon="${icon}"] svg`);
  const said = document.createElement("span");
  said.textContent = words;
  card.querySelector(".state").replaceChildren(drawing.cloneNode(true), said);
}

/** The customer's name, as the card says it. */
export function nameOf(card) {
  return card.querySelector("h3").textContent;
}

function byId(card) {
  return document.getElementById(`card-${card}`);
}

function fresh(html) {
  const holder = document.createElement("template");
  holder.innerHTML = html;
  return holder.content.querySelector(".card");
}

function shelf(card) {
  return document.querySelector(`[data-cards="${card.dataset.section}"]`);
}

function rank(card) {
  return Number(card?.dataset.rank);
}

function isInPlace(card) {
  const [before, after] = [card.previousElementSibling, card.nextElementSibling];
  return (
    card.parentElement === shelf(card) &&
    !(before && rank(before) > rank(card)) &&
    !(after && rank(after) < rank(card))
  );
}

function place(card) {
  const others = [...shelf(card).children].filter((other) => other !== card);
  shelf(card).insertBefore(card, others.find((other) => rank(other) > rank(card)) ?? null);
}

// The same button if it is still there, else the way back, else the heading: the focus is never
// left on a node that is gone.
function refocus(card, focused) {
  const same = focused.dataset.do ? `[data-do="${focused.dataset.do}"]` : `.${focused.className}`;
  const next = card.querySelector(same) ?? card.querySelector('[data-do="undo"]');
  (next ?? document.querySelector("#h-now")).focus({ preventScroll: true });
}
