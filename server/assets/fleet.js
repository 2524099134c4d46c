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
  const parts = [...next.content.children];
  const known = [...devices.children];
  // The first device brings its table.
  if (parts.length !== known.length) devices.replaceChildren(...parts);
  else for (const [at, part] of parts.entries()) if (part.outerHTML !== known[at].outerHTML) known[at].replaceWith(part);
}

// What changed while nobody listened: the page itself says how everything stands.
async function refresh() {
  const answer = await fetch(location.href).catch(() => null);
  if (!answer?.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  // A page that asks to sign in has none of it.
  if (page.querySelector("#todo")) show(page.querySelector("#main").innerHTML);
}
