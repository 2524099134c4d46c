// A colleague's taps: shown at once, sent in order, never lost on the way.
//
// In: the forms of the cards. Out: one POST a tap, and what came of it, in words.
// Promises: a tap shows before it is sent, and the way back stands where the finger is; without a
// line taps are kept in order, counted, and sent once it is back; a conflict is told.
// Invariant: one tap is on its way at a time; the server's answer, not ours, is the last word.

import { nameOf, showState } from "./cards.js";
import { text } from "./words.js";

const ANSWER_WITHIN_MS = 8_000;
/** What a card shows before it is answered. */
const AT_ONCE = ["take", "take-over", "not-here"];
const AGAIN_AFTER_MS = 3_000;
/** So long the way back stays where the finger was, before the card shows its next buttons. */
const UNDO_STAYS_MS = 4_000;

export class Taps {
  #kept = [];
  #on_its_way = null;
  #failed = false;
  #before = new Map();
  #say;
  #tell;
  #counted;
  #settled;

  /** `say` for ears, `tell` for all, `counted(n)` when taps are kept, `settled(tap, ok)` after an answer. */
  constructor({ say, tell, counted, settled }) {
    this.#say = say;
    this.#tell = tell;
    this.#counted = counted;
    this.#settled = settled;
    document.addEventListener("submit", (event) => this.#submitted(event));
    setInterval(() => this.send(), AGAIN_AFTER_MS);
  }

  /** Whether the card's own words must wait. */
  busy = (card) => {
    const before = this.#before.get(card);
    return (
      this.#on_its_way?.card === card ||
      this.#kept.some((tap) => tap.card === card) ||
      (before !== undefined && performance.now() - before.at < UNDO_STAYS_MS)
    );
  };

  /** Sends what is kept, oldest first, until one cannot be delivered. */
  async send() {
    while (this.#on_its_way === null && this.#kept.length > 0) {
      this.#on_its_way = this.#kept[0];
      this.#on_its_way.sent ??= performance.now();
      const answer = await post(this.#on_its_way);
      const tap = this.#on_its_way;
      this.#on_its_way = null;
      this.#failed = answer === null;
      if (answer === null) break;
      this.#kept.shift();
      this.#answered(tap, answer);
    }
    this.#counted(this.#failed ? this.#kept.length : 0);
  }

  #submitted(event) {
    const form = event.target;
    const card = form.closest(".card");
    const button = event.submitter;
    if (!card || !button?.dataset.do) return;
    event.preventDefault();
    this.#tell("");
    const tap = {
      card: card.dataset.card,
      act: button.dataset.do,
      url: button.hasAttribute("formaction") ? button.formAction : form.action,
      csrf: form.elements.csrf.value,
      code: form.elements.code?.value.trim() ?? "",
      age: form.elements.age?.checked ? "yes" : "",
    };
    if (form.elements.code && tap.act === "hand-over" && tap.code === "") return refuse(card, text("code-empty"));
    if (tap.act === "undo" && this.#takeBack(card, tap)) return;
    if (AT_ONCE.includes(tap.act)) this.#showAtOnce(card, form, tap);
    this.#kept.push(tap);
    this.send();
    if (this.#failed) this.#say(text("say-kept"));
  }

  // The card says so at once; the way back stands where the finger is, with the focus.
  #showAtOnce(card, form, tap) {
    this.#before.set(tap.card, {
      at: performance.now(),
      name: card.className,
      shape: card.dataset.shape,
      copies: [...card.childNodes].map((node) => node.cloneNode(true)),
    });
    const mine = tap.act !== "not-here";
    card.classList.remove("card-late", "card-here", "card-new", "card-coming");
    card.classList.add(mine ? "card-taken" : "card-coming");
    card.dataset.shape = "tapped";
    const words = text(mine ? "state-mine" : "state-not-found");
    showState(card, mine ? "mine" : "not-found", words);
    const undo = document.querySelector("#icons").content.querySelector('[data-do="undo"]').cloneNode(true);
    undo.formAction = tap.url.replace(/[^/]+$/, "undo");
    form.replaceChildren(form.elements.csrf, undo);
    undo.focus({ preventScroll: true });
    this.#say(`${nameOf(card)}: ${words}`);
  }

  // True when nothing has to be sent: the tap had not left yet.
  #takeBack(card, tap) {
    const index = this.#kept.findLastIndex((kept) => kept.card === tap.card && kept !== this.#on_its_way);
    const unsent = index >= 0;
    if (unsent) this.#kept.splice(index, 1);
    this.#restore(card);
    if (unsent) this.#counted(this.#failed ? this.#kept.length : 0);
    return unsent;
  }

  #restore(card) {
    const before = this.#before.get(card.dataset.card);
    this.#before.delete(card.dataset.card);
    if (!before || card.dataset.shape !== "tapped") return;
    const had_focus = card.contains(document.activeElement);
    card.className = before.name;
    card.dataset.shape = before.shape;
    card.replaceChildren(...before.copies);
    if (had_focus) card.querySelector("[data-do]")?.focus({ preventScroll: true });
    this.#say(text("say-undone"));
  }

  #answered(tap, answer) {
    const card = document.getElementById(`card-${tap.card}`);
    if (!answer.ok) {
      const words = answer.detail || text("say-failed");
      if (card && tap.act === "hand-over") {
        refuse(card, words);
      } else {
        if (card) this.#restore(card);
        this.#tell(card ? `${nameOf(card)}: ${words}` : words);
      }
    }
    this.#settled(tap, answer.ok);
  }
}

// The digits stay selected, so that the next ones replace them.
function refuse(card, words) {
  const field = card.querySelector(".code-field");
  const said = card.querySelector("output");
  if (!field || !said) return;
  said.textContent = words;
  field.setAttribute("aria-invalid", "true");
  field.focus({ preventScroll: true });
  field.select();
}

// Null: the server was not reached, or is not ready; try again later. A second delivery of the
// same tap is harmless: who took a card may take it again.
async function post({ url, csrf, code, age, act }) {
  const body = new URLSearchParams({ csrf });
  if (act === "hand-over") body.set("code", code);
  if (age) body.set("age", age);
  try {
    const answer = await fetch(url, {
      method: "POST",
      headers: { Accept: "application/json", "X-CSRF-Token": csrf },
      body,
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    });
    if (answer.status >= 502 && answer.status <= 504) return null;
    const problem = answer.ok ? {} : await answer.json().catch(() => ({}));
    return { ok: answer.ok, detail: problem.detail };
  } catch {
    return null;
  }
}
