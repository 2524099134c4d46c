// The button "Tell me of new customers on this phone", for as long as a shift is open.

import { offerPush } from "./push.js";
import { text } from "./words.js";

/** Shows the button where it can work. */
export function offerPhone() {
  const button = document.querySelector("#push");
  return offerPush(button, document.querySelector("#push-said"), {
    on: button?.dataset.path,
    off: `${button?.dataset.path}/off`,
    // This browser may be a customer's too.
    alone: false,
    words: {
      on: text("push-on"),
      off: text("push-off"),
      denied: text("push-denied"),
      failed: text("push-failed"),
    },
  });
}
