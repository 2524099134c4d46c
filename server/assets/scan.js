// A customer's code read by the camera, where the browser itself can read QR codes.
//
// In: a tap on a card's "Scan". Out: her code in the card's field, and the tap that would have
// followed had it been typed.
// Promises: without a reader or a camera's API there is no button; the camera is off once a code is
// read, the window is closed or the page is not looked at; a camera that may not be used is told in
// words; the focus goes back to where it came from.
// Invariant: no picture is kept, and none leaves the page.

import { nameOf } from "./cards.js";
import { text } from "./words.js";

/** Often enough for a hand that holds still, seldom enough for a cheap tablet. */
const LOOK_EVERY_MS = 150;
/** The words for what the browser says when it gives no camera. */
const REFUSALS = {
  NotAllowedError: text("scan-denied"),
  NotFoundError: text("scan-none"),
  OverconstrainedError: text("scan-none"),
  NotReadableError: text("scan-busy"),
};

const panel = document.querySelector("#scan");
const video = panel?.querySelector("video");
const said = panel?.querySelector("output");
let card_id = null;
let stream = null;

/** Shows the buttons where they can work. */
export async function offerCamera() {
  if (!panel || !navigator.mediaDevices?.getUserMedia || !("BarcodeDetector" in window)) return;
  const formats = await BarcodeDetector.getSupportedFormats().catch(() => []);
  if (!formats.includes("qr_code")) return;
  const reader = new BarcodeDetector({ formats: ["qr_code"] });
  // Cards come and go: whether there are buttons is said once, above them all.
  document.documentElement.classList.add("can-scan");
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-scan]");
    if (button) open(reader, button.closest(".card"));
  });
  panel.querySelector("[data-close]").addEventListener("click", () => panel.close());
  panel.addEventListener("close", release);
  document.addEventListener("visibilitychange", () => document.hidden && panel.close());
  addEventListener("pagehide", () => panel.close());
}

async function open(reader, card) {
  card_id = card.dataset.card;
  panel.querySelector("b").textContent = nameOf(card);
  panel.dataset.looks = "";
  said.textContent = text("scan-wait");
  panel.showModal();
  const asked_for = card_id;
  try {
    const video_of = { facingMode: "environment" };
    const given = await navigator.mediaDevices.getUserMedia({ video: video_of, audio: false });
    // Closed, or opened for another card, while the browser asked.
    if (!panel.open || card_id !== asked_for || stream) return stop(given);
    stream = given;
    video.srcObject = given;
    await video.play();
    panel.dataset.looks = "yes";
    said.textContent = text("scan-hold");
    look(reader, given);
  } catch (error) {
    if (panel.open && card_id === asked_for) said.textContent = REFUSALS[error.name] ?? text("scan-failed");
  }
}

async function look(reader, given) {
  while (stream === given) {
    const seen = await reader.detect(video).catch(() => []);
    if (stream !== given) return;
    const codes = seen.map(({ rawValue }) => rawValue.trim()).filter((value) => value !== "");
    if (codes.length > 0 && take(codes)) return;
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}

// True when there is nothing more to look for.
function take(codes) {
  const form = document.getElementById(`card-${card_id}`)?.querySelector("form");
  const field = form?.elements.code;
  const code = codes.find((value) => /^\d+$/.test(value) && value.length <= (field?.maxLength ?? 0));
  if (field && code === undefined) {
    said.textContent = text("scan-other");
    return false;
  }
  panel.close();
  if (!field) return true; // somebody else has it by now: the board says who
  field.value = code;
  form.requestSubmit(form.querySelector('[data-do="hand-over"]'));
  return true;
}

function release() {
  if (stream) stop(stream);
  stream = null;
  video.srcObject = null;
  // The browser gives the focus back to the button; if that is gone, the heading has it.
  if (document.activeElement === document.body) document.querySelector("#h-now").focus({ preventScroll: true });
}

function stop(given) {
  for (const track of given.getTracks()) track.stop();
}
