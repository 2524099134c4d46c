// The button "Tell me of new customers on this phone", for as long as a shift is open.
//
// In: a tap. Out: a subscription of this browser that the server knows for this shift, or none; an
// answer in words to every tap.
// Promises: pressed means that the server can reach this browser.
// Invariant: asks for permission only after a tap; where it cannot work there is no button.

import { text } from "./words.js";

// A browser without a way to its push service may try for ever.
const SUBSCRIBED_WITHIN_MS = 10_000;

const button = document.querySelector("#push");
const said = document.querySelector("#push-said");

/** Shows the button where it can work. */
export async function offerPhone() {
  if (!button || !("serviceWorker" in navigator && "PushManager" in window)) return;
  const worker = await navigator.serviceWorker.register("/sw.js").catch(() => null);
  if (!worker) return;
  await navigator.serviceWorker.ready;
  // Another tablet may share this shift: what counts is this browser.
  if ((await worker.pushManager.getSubscription()) === null) button.ariaPressed = "false";
  button.closest("section").hidden = false;
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await (button.ariaPressed === "true" ? stop(worker) : begin(worker));
    } catch {
      said.textContent = text("push-failed");
    }
    button.disabled = false;
  });
}

async function begin(worker) {
  if ((await Notification.requestPermission()) !== "granted") {
    said.textContent = text("push-denied");
    return;
  }
  const applicationServerKey = button.dataset.key;
  const subscribed = worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey });
  const late = new Promise((_, reject) => setTimeout(() => reject(new Error("too late")), SUBSCRIBED_WITHIN_MS));
  const { endpoint, keys } = (await Promise.race([subscribed, late])).toJSON();
  await post(button.dataset.path, { endpoint, ...keys });
  button.ariaPressed = "true";
  said.textContent = text("push-on");
}

// The subscription itself stays: this browser may be a customer's too.
async function stop(worker) {
  const subscription = await worker.pushManager.getSubscription();
  if (subscription) await post(`${button.dataset.path}/off`, { endpoint: subscription.endpoint });
  button.ariaPressed = "false";
  said.textContent = text("push-off");
}

async function post(path, body) {
  const answer = await fetch(path, {
    method: "POST",
    headers: {
      Accept: "application/json",
      "Content-Type": "application/json",
      "X-CSRF-Token": button.dataset.csrf,
    },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(8_000),
  });
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
}
