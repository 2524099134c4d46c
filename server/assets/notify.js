// The button "Notifications on this device".
//
// In: a tap. Out: a subscription of this browser that the server knows, or none; an answer in
// words to every tap.
// Promises: pressed means that the server can reach this browser.
// Invariant: asks for permission only after a tap; where it cannot work there is no button.

import { text } from "./words.js";

// A browser without a way to its push service may try for ever.
const SUBSCRIBED_WITHIN_MS = 10_000;

const button = document.querySelector("#notify");
const said = document.querySelector("#notify-said");

/** Shows the button where it can work. */
export async function offerNotifications() {
  if (!button || !("serviceWorker" in navigator && "PushManager" in window)) return;
  const worker = await navigator.serviceWorker.register("/sw.js").catch(() => null);
  if (!worker) return;
  await navigator.serviceWorker.ready;
  let subscription = await worker.pushManager.getSubscription();
  if (subscription && button.dataset.known === "0") {
    // With her last yes the server forgot this browser: the button says so.
    await subscription.unsubscribe();
    subscription = null;
  }
  pressed(subscription !== null);
  button.closest("section").hidden = false;
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await (button.ariaPressed === "true" ? stop(worker) : begin(worker));
    } catch {
      said.textContent = text("notify-failed");
    }
    button.disabled = false;
  });
}

async function begin(worker) {
  if ((await Notification.requestPermission()) !== "granted") {
    said.textContent = text("notify-denied");
    return;
  }
  const applicationServerKey = button.dataset.key;
  const subscribed = worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey });
  const subscription = await within(SUBSCRIBED_WITHIN_MS, subscribed);
  const { endpoint, keys } = subscription.toJSON();
  try {
    await post("/ik/meldingen", { endpoint, ...keys });
  } catch (error) {
    // The server does not know it: so it is none.
    await subscription.unsubscribe();
    throw error;
  }
  pressed(true);
  said.textContent = text("notify-on");
}

async function stop(worker) {
  const subscription = await worker.pushManager.getSubscription();
  if (subscription) {
    await post("/ik/meldingen/uit", { endpoint: subscription.endpoint });
    await subscription.unsubscribe();
  }
  pressed(false);
  said.textContent = text("notify-off");
}

function within(wait_ms, promise) {
  const late = new Promise((_, reject) => setTimeout(() => reject(new Error("too late")), wait_ms));
  return Promise.race([promise, late]);
}

function pressed(on) {
  button.ariaPressed = String(on);
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
