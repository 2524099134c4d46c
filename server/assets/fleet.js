// The devices page, kept true.
//
// In: the page as the server wrote it, then its stream. Out: the same page.
// Invariant: what is shown is never blanked; without this script it still reads, by reloading.

import { Line } from "./line.js";

const devices = document.querySelector("#main");

new Line({ open: refresh, fleet: ({ html }) => show(html) });

// Where nothing changed nothing moves: a selection stays, and ears hear it once.
function show(html) {
  const next = document.createElement("template");
  next.innerHTML = html;
  for (const part of next.content.children) {
    const known = part.id === "" ? devices.querySelector(`.${part.className}`) : document.getElementById(part.id);
    if (known && known.outerHTML !== part.outerHTML) known.replaceWith(part.cloneNode(true));
  }
}

// What changed while nobody listened: the page itself says how everything stands.
async function refresh() {
  const answer = await fetch(location.href).catch(() => null);
  if (!answer?.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  // A page that asks to sign in has none of it.
  if (page.querySelector("#todo")) show(page.querySelector("#main").innerHTML);
}
