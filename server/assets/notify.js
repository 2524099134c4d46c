// The button "Notifications on this device": a shopper's messages.

import { offerPush } from "./push.js";
import { text } from "./words.js";

/** Shows the button where it can work. */
export function offerNotifications() {
  return offerPush(document.querySelector("#notify"), document.querySelector("#notify-said"), {
    on: "/ik/meldingen",
    off: "/ik/meldingen/uit",
    alone: true,
    words: {
      on: text("notify-on"),
      off: text("notify-off"),
      denied: text("notify-denied"),
      failed: text("notify-failed"),
    },
  });
}
