// The link that somebody else collects with: send it, or copy it.
//
// In: a tap. Out: the link, to the phone's own sharing or to the clipboard; an answer in words.
// Promises: where the browser cannot, there is no button; the link can be selected all the same.
// Invariant: the link goes nowhere but where she sends it.

import { text } from "./words.js";

const [link, send, copy] = ["#link", "#send", "#copy"].map((id) => document.querySelector(id));
const said = document.querySelector("#share-said");

if (navigator.share) {
  send.hidden = false;
  send.addEventListener("click", () => {
    // Who changes her mind has sent nothing, and need not be told so.
    navigator.share({ text: text("share-message"), url: link.value }).catch(() => {});
  });
}

if (navigator.clipboard) {
  copy.hidden = false;
  copy.addEventListener("click", async () => {
    said.textContent = await navigator.clipboard.writeText(link.value).then(
      () => text("share-copied"),
      () => text("share-copy-failed"),
    );
  });
}

link.addEventListener("focus", () => link.select());
