// The arrivals board, wired: the line feeds the cards, the cards make the sound, taps go back.
//
// In: the page as the server wrote it, then its stream. Out: the same page, kept true.
// Invariant: the board is never blanked; without this script it still works, by reloading.

import { Cards } from "./cards.js";
import { Line } from "./line.js";
import { offerCamera } from "./scan.js";
import { offerPhone } from "./shift.js";
import { Sound } from "./sound.js";
import { Taps } from "./taps.js";
import { text } from "./words.js";

const strip = document.querySelector("#strip");
const told = document.querySelector("#told");
const desk = document.querySelector("#desk");
const wall_clock = document.querySelector(".board-clock");
let kept = 0;
let signed_out = false;
let seen_since_refresh = new Set();

const say = (words) => (document.querySelector("#say").textContent = words);

function tell(words) {
  told.firstElementChild.textContent = words;
  told.hidden = words === "";
}

/** Whether the shop has internet, where the board runs in the shop itself. */
function tellDesk(words) {
  desk.querySelector("span").textContent = words;
  desk.hidden = words === "";
}

const line = new Line({
  open: refresh,
  state: notices,
  card: (update) => {
    seen_since_refresh.add(update.card);
    cards.apply(update);
  },
  strip: (update) => (strip.innerHTML = update.html),
  desk: ({ words }) => tellDesk(words ?? ""),
});
const cards = new Cards(line, say);
const sound = new Sound();
const taps = new Taps({
  say,
  tell,
  counted: (count) => {
    kept = count;
    notices();
  },
  settled: (tap, done) => cards.answered(tap, done),
});
cards.busy = taps.busy;
offerPhone();
offerCamera();

// What changed while nobody listened: the page itself says how the board stands. Cards that the
// stream brought in the meantime are newer than the page.
async function refresh() {
  seen_since_refresh = new Set();
  const answer = await fetch(location.href).catch(() => null);
  if (!answer?.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  signed_out = page.querySelector('[data-cards="now"]') === null;
  notices();
  if (signed_out) return;
  const there = [...page.querySelectorAll(".card")];
  for (const card of there.filter(({ dataset }) => !seen_since_refresh.has(dataset.card))) {
    const { card: id, section, rank } = card.dataset;
    cards.apply({ card: id, section, rank: Number(rank), html: card.outerHTML });
  }
  const known = new Set(there.map(({ dataset }) => dataset.card));
  for (const { dataset } of document.querySelectorAll(".card")) {
    if (!known.has(dataset.card) && !seen_since_refresh.has(dataset.card)) {
      cards.apply({ card: dataset.card, section: "gone" });
    }
  }
  strip.innerHTML = page.querySelector("#strip").innerHTML;
  tellDesk(page.querySelector("#desk").textContent.trim());
  taps.send();
}

function notices() {
  const time = line.clock(line.heard());
  const state = signed_out ? "signed-out" : line.state === "live" && kept > 0 ? "kept" : line.state;
  for (const notice of document.querySelectorAll("[data-for]")) notice.hidden = notice.dataset.for !== state;
  for (const place of document.querySelectorAll("[data-kept]")) {
    place.textContent = kept === 0 ? "" : text(`notice-kept-${kept === 1 ? "one" : "other"}`, { count: kept });
  }
  for (const place of document.querySelectorAll("[data-stale]")) place.textContent = text("notice-stale", { time });
  asOf();
}

// Places say of when they are, on cards that came since too.
function asOf() {
  if (line.state !== "stale") return;
  const time = line.clock(line.heard());
  for (const place of document.querySelectorAll("[data-as-of]")) place.textContent = text("as-of", { time });
}

setInterval(() => {
  wall_clock.textContent = line.clock(line.now());
  wall_clock.dateTime = wall_clock.textContent;
  cards.tick();
  sound.tick(cards.loudest());
}, 1_000);
