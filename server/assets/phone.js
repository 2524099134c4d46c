// The shopper's page, kept true: her orders, her messages, her walk, her stamps, her choices.
//
// In: the page as the server wrote it, then its stream. Out: the same page; an answer in words to
// every tap.
// Promises: a switch that could not be saved goes back to where it was, and says so.
// Invariant: without this script the forms and the links on the page still work.

import { Line } from "./line.js";
import { offerNotifications } from "./notify.js";
import { text } from "./words.js";

const pickup = document.querySelector("#bestellingen");
const messages = document.querySelector("#berichten");
const choices = document.querySelector("form.choices");
const choices_said = document.querySelector("#choices-said");
const said = document.querySelector("#said");

offerNotifications();

new Line({
  open: refresh,
  orders: ({ html }) => {
    showOrders(html);
    refresh();
  },
  message: ({ html }) => {
    showMessage(html);
    refresh();
  },
});

function showOrders(html) {
  if (pickup.innerHTML === html) return;
  const had_focus = pickup.contains(document.activeElement);
  pickup.innerHTML = html;
  // What was answered to a tap before is not news any more: the tile says how it stands.
  said.hidden = true;
  if (had_focus) pickup.querySelector("button, summary")?.focus({ preventScroll: true });
}

// A message that is there already stays as it is: its reason may be open.
function showMessage(html) {
  const holder = document.createElement("template");
  holder.innerHTML = html;
  const tile = holder.content.querySelector(".tile");
  if (tile && !document.getElementById(tile.id)) messages.prepend(tile);
}

// Her walk and her stamp card, as they are by now; one in which she is reading stays.
function showTile(id, page) {
  const [here, there] = [document.getElementById(id), page.getElementById(id)];
  if (!here || !there || here.contains(document.activeElement) || here.querySelector("details[open]")) return;
  if (here.innerHTML !== there.innerHTML) here.innerHTML = there.innerHTML;
}

// What came while nobody listened stands on the page itself.
async function refresh() {
  const answer = await fetch(location.href).catch(() => null);
  if (!answer?.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const orders = page.querySelector("#bestellingen");
  if (!orders) return;
  showOrders(orders.innerHTML);
  for (const id of ["wandeling", "stempels"]) showTile(id, page);
  for (const tile of [...page.querySelectorAll("#berichten > article")].reverse()) showMessage(tile.outerHTML);
}

/** Null when it was done, else what to say. */
async function post(form, failed) {
  const body = new URLSearchParams(new FormData(form));
  try {
    const answer = await fetch(form.action, {
      method: "POST",
      headers: { Accept: "application/json", "X-CSRF-Token": body.get("csrf") },
      body,
      signal: AbortSignal.timeout(8_000),
    });
    if (answer.ok) return null;
    const problem = await answer.json().catch(() => ({}));
    return problem.detail ?? failed;
  } catch {
    return failed;
  }
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches("form.here, form.help")) return;
  event.preventDefault();
  const words = form.dataset.said ?? "say-here";
  const problem = await post(form, text(words === "say-here" ? "say-here-failed" : "say-help-failed"));
  said.textContent = problem ?? text(words);
  // Ears are told here; eyes see it once, in the tile if it knows already.
  said.classList.toggle("for-ears", problem === null && pickup.querySelector(".seen") !== null);
  said.hidden = false;
});

// One choice after the other: what is saved is what the switches say, in the order of the taps.
let saving = Promise.resolve();
const saved = new Map([...choices.querySelectorAll("fieldset")].map((field) => [field, chosen(field)]));

choices.querySelector("[type=submit]").hidden = true;
choices.addEventListener("change", (event) => {
  const field = event.target.closest("fieldset");
  saving = saving.then(() => save(field));
});

async function save(field) {
  const choice = chosen(field);
  if (choice === saved.get(field)) return;
  const problem = await post(choices, text("say-choice-failed"));
  if (problem === null) {
    saved.set(field, choice);
    choices_said.textContent = text(`say-choice-${choice}`, { what: field.querySelector("legend").textContent });
  } else {
    field.querySelector(`[value="${saved.get(field)}"]`).checked = true;
    choices_said.textContent = problem;
  }
}

function chosen(field) {
  return field.querySelector(":checked").value;
}

// The tab of what is in sight.
const tabs = [...document.querySelectorAll(".tabs a")];
const in_sight = new IntersectionObserver(
  (entries) => {
    for (const { target } of entries.filter((entry) => entry.isIntersecting)) {
      for (const tab of tabs) {
        if (tab.hash === `#${target.id}`) tab.setAttribute("aria-current", "true");
        else tab.removeAttribute("aria-current");
      }
    }
  },
  { rootMargin: "-35% 0px -60% 0px" },
);
for (const tab of tabs) in_sight.observe(document.querySelector(tab.hash));
