// A page that the server keeps true.
//
// In: the page as the server wrote it, then its stream. Out: the same page.
// Promises: where nothing changed nothing moves: a focus stays, a selection stays, a list that was
// scrolled stays scrolled, and ears hear what is new once. What has a `data-key` is the same thing
// wherever it stands.
// Invariant: what is shown is never blanked; without this script it still reads, by reloading.

import { Line } from "./line.js";

/** `event`: what the stream calls it; `mark`: what a page that asks to sign in has not;
 *  `part`: what the stream writes. */
export function keepTrue(event, mark, part = "#main") {
  const main = document.querySelector(part);

  const show = (html) => {
    const next = document.createElement("template");
    next.innerHTML = html;
    children(main, next.content);
  };

  // What changed while nobody listened: the page itself says how everything stands.
  const refresh = async () => {
    const answer = await fetch(location.href).catch(() => null);
    if (!answer?.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (page.querySelector(mark)) show(page.querySelector(part).innerHTML);
  };

  return new Line({ open: refresh, [event]: ({ html }) => show(html) });
}

const keyOf = (node) => node.dataset?.key;

function same(node, next) {
  return node.nodeType === next.nodeType && node.nodeName === next.nodeName && keyOf(node) === keyOf(next) && node.id === next.id;
}

function become(node, next) {
  if (node.nodeType !== Node.ELEMENT_NODE) {
    if (node.data !== next.data) node.data = next.data;
    return;
  }
  for (const { name } of [...node.attributes]) if (!next.hasAttribute(name)) node.removeAttribute(name);
  for (const { name, value } of next.attributes) if (node.getAttribute(name) !== value) node.setAttribute(name, value);
  children(node, next);
}

function children(node, next) {
  const coming = [...next.childNodes];
  const keys = new Set(coming.map(keyOf).filter(Boolean));
  const keyed = new Map();
  for (const child of [...node.childNodes]) {
    if (!keyOf(child)) continue;
    // First out with what is gone, so that what stays need not move.
    if (keys.has(keyOf(child))) keyed.set(keyOf(child), child);
    else child.remove();
  }
  let at = node.firstChild;
  for (const child of coming) {
    const known = keyed.get(keyOf(child));
    if (known) {
      if (known === at) at = at.nextSibling;
      else node.insertBefore(known, at);
      become(known, child);
    } else if (at && same(at, child)) {
      const after = at.nextSibling;
      become(at, child);
      at = after;
    } else node.insertBefore(document.importNode(child, true), at);
  }
  while (at) {
    const after = at.nextSibling;
    at.remove();
    at = after;
  }
}
