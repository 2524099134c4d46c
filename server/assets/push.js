// A button that has this browser told things while no page is open.
//
// In: a tap. Out: a subscription of this browser that the server knows, or none; an answer in words
// to every tap.
// Promises: pressed means that the server can reach this browser.
// Invariant: asks for permission only after a tap; where it cannot work there is no button.

// A browser without a way to its push service may try for ever.
const SUBSCRIBED_WITHIN_MS = 10_000;
const ANSWER_WITHIN_MS = 8_000;

/**
 * Shows the button where it can work. Its data: `key` is the server's, `known` how many browsers the
 * server knows for whom this page is. `on` and `off` are where it is told; `alone`: a subscription of
 * this browser is for this page and goes with it; `words` are the answers: on, off, denied, failed.
 */
export async function offerPush(button, said, { on, off, alone, words }) {
  if (!button || !("serviceWorker" in navigator && "PushManager" in window)) return;
  const worker = await navigator.serviceWorker.register("/sw.js").catch(() => null);
  if (!worker) return;
  await navigator.serviceWorker.ready;
  const known = button.dataset.known !== "0";
  const subscription = await worker.pushManager.getSubscription();
  // With her last yes the server forgot this browser: the button says so.
  if (subscription && !known && alone) await subscription.unsubscribe();
  pressed(known && subscription !== null);
  button.closest("section").hidden = false;
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      said.textContent = await (button.ariaPressed === "true" ? stop() : begin());
    } catch {
      said.textContent = words.failed;
    }
    button.disabled = false;
  });

  async function begin() {
    if ((await Notification.requestPermission()) !== "granted") return words.denied;
    const subscribed = worker.pushManager.subscribe({
      userVisibleOnly: true,
      applicationServerKey: button.dataset.key,
    });
    const subscription = await within(SUBSCRIBED_WITHIN_MS, subscribed);
    const { endpoint, keys } = subscription.toJSON();
    try {
      await post(on, { endpoint, ...keys });
    } catch (error) {
      // The server does not know it: so it is none.
      if (alone) await subscription.unsubscribe();
      throw error;
    }
    pressed(true);
    return words.on;
  }

  async function stop() {
    const subscription = await worker.pushManager.getSubscription();
    if (subscription) {
      await post(off, { endpoint: subscription.endpoint });
      if (alone) await subscription.unsubscribe();
    }
    pressed(false);
    return words.off;
  }

  function pressed(is) {
    button.ariaPressed = String(is);
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
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    });
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  }
}

function within(wait_ms, promise) {
  const late = new Promise((_, reject) => setTimeout(() => reject(new Error("too late")), wait_ms));
  return Promise.race([promise, late]);
}
