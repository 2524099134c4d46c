// The page's own words for its script: they come with the page, in its language.
//
// In: a key and what to fill in. Out: text.
// Invariant: no sentence is written in a script.

const words = JSON.parse(document.body.dataset.words);

/** The text of `key`, with `{name}` and its like filled in. */
export function text(key, blanks = {}) {
  return Object.entries(blanks).reduce(
    (sentence, [name, value]) => sentence.replace(`{${name}}`, value),
    words[key] ?? key,
  );
}

/** `2:24` for 144 seconds. */
export function minutes(seconds) {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
