// Two soft notes, a third apart: somebody waits. Three that rise: nobody goes yet. Four, up and
// down: the manager is called. Never an alarm.
//
// In: how loudly the loudest card calls. Out: its notes at once and again until somebody goes.
// Promises: the button says whether a note would be heard; the first tap of the shift turns it on.

/** For each call its notes, as hertz and seconds, and after how long they come again. */
const CHIMES = {
  "": { again_ms: 20_000, notes: [[587, 0], [740, 0.22]] },
  everybody: { again_ms: 12_000, notes: [[587, 0], [740, 0.18], [880, 0.36]] },
  manager: { again_ms: 8_000, notes: [[880, 0], [587, 0.18], [880, 0.36], [587, 0.54]] },
};
const KEPT_AS = "welkom-sound";

export class Sound {
  #toggle = document.querySelector("[data-sound]");
  #context = null;
  #wanted = remembered() !== "off";
  #played = -Infinity;
  #call = null;

  constructor() {
    this.#toggle.hidden = false;
    this.#toggle.addEventListener("click", () => this.#toggled());
    for (const kind of ["pointerup", "keyup"]) {
      document.addEventListener(kind, (event) => this.#touched(event));
    }
    this.#show();
  }

  /** Called each second; null: nobody waits. */
  tick(call) {
    if (call !== this.#call) this.#played = -Infinity;
    this.#call = call;
    if (call !== null && performance.now() - this.#played >= CHIMES[call].again_ms) this.#chime();
  }

  get #on() {
    return this.#wanted && this.#context?.state === "running";
  }

  // Browsers stay silent until somebody has touched the page.
  async #touched(event) {
    if (!this.#wanted || this.#on || this.#toggle.contains(event.target)) return;
    await this.#unlock();
  }

  async #toggled() {
    this.#wanted = !this.#on;
    remember(this.#wanted ? "on" : "off");
    if (this.#wanted) {
      await this.#unlock();
      this.#chime();
    }
    this.#show();
  }

  async #unlock() {
    this.#context ??= new AudioContext();
    try {
      await this.#context.resume();
    } catch {
      // No loudspeaker: the button goes on saying that the sound is off.
    }
    this.#show();
  }

  #show() {
    this.#toggle.setAttribute("aria-pressed", String(Boolean(this.#on)));
  }

  #chime() {
    if (!this.#on) return;
    this.#played = performance.now();
    const at = this.#context.currentTime;
    for (const [hertz, after_s] of CHIMES[this.#call ?? ""].notes) {
      const tone = this.#context.createOscillator();
      const gain = this.#context.createGain();
      tone.frequency.value = hertz;
      gain.gain.setValueAtTime(0, at + after_s);
      gain.gain.linearRampToValueAtTime(0.16, at + after_s + 0.02);
      gain.gain.exponentialRampToValueAtTime(0.001, at + after_s + 0.9);
      tone.connect(gain).connect(this.#context.destination);
      tone.start(at + after_s);
      tone.stop(at + after_s + 1);
    }
  }
}

// Storage may be forbidden; then the choice lasts as long as the page.
function remembered() {
  try {
    return localStorage.getItem(KEPT_AS);
  } catch {
    return null;
  }
}

function remember(choice) {
  try {
    localStorage.setItem(KEPT_AS, choice);
  } catch {
    // As above.
  }
}
