// The button "Show as a notification" of a trial.
//
// In: a tap. Out: the message as a notification of this phone; an answer in words to every tap.
// Promises: asks for permission only after a tap; where it cannot work there is no button.
// Invariant: tells the server nothing.

import { text } from "./words.js";

const button = document.querySelector("#show");
const said = document.querySelector("#show-said");

if (button && "serviceWorker" in navigator && "Notification" in window) {
  button.closest("section").hidden = false;
  button.addEventListener("click", async () => {
    button.disabled = true;
    said.textContent = await show().catch(() => text("trial-failed"));
    button.disabled = false;
  });
}

async function show() {
  if ((await Notification.requestPermission()) !== "granted") return text("trial-denied");
  await navigator.serviceWorker.register("/sw.js");
  const worker = await navigator.serviceWorker.ready;
  const { title, body } = button.dataset;
  await worker.showNotification(title, { body, tag: "trial", data: { url: location.pathname } });
  return text("trial-shown");
}
