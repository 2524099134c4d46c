// Notifications on this device, while no page is open: a shopper's messages, a colleague's cards.
//
// In: a push that only this browser can read; taps on a notification. Out: one notification per
// message, which leads to her page, and one per card, which leads to the board; the server is told
// what a shopper was shown and opened.
// Promises: a message that comes twice is one notification: its tag is the message, or the card.
// Invariant: keeps nothing, answers no page's requests.

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("push", (event) => {
  const message = event.data?.json();
  if (!message || message.expires_ms <= Date.now()) return;
  event.waitUntil(message.card ? showCard(message) : show(message));
});

// A push must show something: what is over says so without a sound, and goes again.
async function showCard({ card, title, body, url, over }) {
  await self.registration.showNotification(title, { body, tag: card, silent: over, renotify: !over, data: { url } });
  if (!over) return;
  for (const shown of await self.registration.getNotifications({ tag: card })) shown.close();
}

async function show({ delivery, title, body }) {
  await self.registration.showNotification(title, { body, tag: delivery, data: { url: "/ik", delivery } });
  await report(delivery, "displayed");
}

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open(event.notification.data));
});

async function open({ url, delivery }) {
  const pages = await self.clients.matchAll({ type: "window" });
  const page = pages.find((page) => new URL(page.url).pathname === url);
  await (page ? page.focus() : self.clients.openWindow(url)).catch(() => {});
  // A trial was delivered to nobody.
  if (delivery) await report(delivery, "opened");
}

// Figures alone depend on it: without a session or a network nothing is said.
async function report(delivery, what) {
  try {
    const pass = await fetch("/ik/meldingen", { headers: { Accept: "application/json" } });
    if (!pass.ok) return;
    const { csrf } = await pass.json();
    await fetch(`/ik/meldingen/${delivery}/${what}`, { method: "POST", headers: { "X-CSRF-Token": csrf } });
  } catch {
    return;
  }
}
