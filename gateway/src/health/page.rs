//! `/`: one small page for whoever stands on the ladder.
//!
//! In: a [`State`], what the doctor found, a language. Out: HTML.
//! Invariant: no script, nothing loaded from elsewhere; a state is a word and a shape, never a
//! colour alone.

use std::fmt::Write;

use super::State;
use crate::{
    counts::Line,
    doctor::{Check, Language, Level, Problem, Report},
};

/// Silence of the radio that is worth a word. Between two visitors of a quiet store it is shorter
/// where beacons hang.
const QUIET_MS: u64 = 120_000;

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1c2321;--soft:#5a6662;--paper:#faf9f6;--card:#fff;--rule:#e3e0d8;\
--good:#1d6b45;--look:#8a5a00;--wrong:#a3231f}\
@media(prefers-color-scheme:dark){:root{--ink:#ecebe6;--soft:#a9b0ac;--paper:#161a18;--card:#1f2422;\
--rule:#343b37;--good:#7fd1a6;--look:#e6b65c;--wrong:#ff9d94}}\
body{margin:0;background:var(--paper);color:var(--ink);font:1.0625rem/1.5 system-ui,sans-serif}\
main{max-width:42rem;margin:0 auto;padding:1.5rem 1rem 3rem}\
h1{font-size:1.125rem;font-weight:600;margin:0;color:var(--soft)}\
.verdict{font-size:1.75rem;line-height:1.25;font-weight:650;margin:.25rem 0 1.25rem}\
h2{font-size:1.125rem;margin:2rem 0 .5rem}\
dl,ul{background:var(--card);border:1px solid var(--rule);border-radius:.75rem;margin:0;padding:0 1rem;list-style:none}\
dl div{display:flex;flex-wrap:wrap;gap:0 1rem;padding:.625rem 0}dt{flex:0 0 9rem;color:var(--soft)}\
dd{margin:0;flex:1 1 12rem}li{padding:.75rem 0}dl div+div,li+li{border-top:1px solid var(--rule)}\
.mark{font-weight:650}.good{color:var(--good)}.look{color:var(--look)}.wrong{color:var(--wrong)}\
p{margin:.25rem 0}code{display:block;overflow-x:auto;white-space:pre;background:var(--paper);\
border:1px solid var(--rule);border-radius:.5rem;padding:.5rem .625rem;margin-top:.5rem;\
font:.9375rem/1.4 ui-monospace,monospace}footer{margin-top:2rem;color:var(--soft);font-size:.9375rem}\
a{color:inherit}";

/// The best of ours for an `Accept-Language` header (RFC 9110, section 12.5.4): of Dutch and
/// English the one that is wished for more; English if neither is.
pub(super) fn language(accept_language: Option<&str>) -> Language {
    let weight = |ours: &str| {
        let ranges = accept_language.unwrap_or_default().split(',');
        let weights = ranges.filter_map(|range| {
            let mut parts = range.split(';');
            let tag = parts.next()?.trim();
            let tag = tag.split('-').next()?;
            let quality = parts.find_map(|part| part.trim().strip_prefix("q=")?.parse().ok());
            tag.eq_ignore_ascii_case(ours)
                .then(|| quality.unwrap_or(1.0_f32))
        });
        weights.fold(0.0, f32::max)
    };
    if weight("nl") > weight("en") {
        Language::Dutch
    } else {
        Language::English
    }
}

/// The words of the page itself.
struct Words {
    code: &'static str,
    verdicts: [&'static str; 3],
    checks: [&'static str; 5],
    levels: [&'static str; 3],
    runs: &'static str,
    found: &'static str,
    heard: &'static str,
    never: &'static str,
    quiet: &'static str,
    ago: &'static str,
    line: &'static str,
    lines: [&'static str; 3],
    waits: &'static str,
    waiting: [&'static str; 2],
    kept: &'static str,
    evicted: &'static str,
    began: &'static str,
    settings: &'static str,
    of_file: &'static str,
    of_server: [&'static str; 2],
    hangs: [&'static str; 2],
    metrics: &'static str,
}

const ENGLISH: Words = Words {
    code: "en",
    verdicts: [
        "All is well.",
        "It works. There is something to look at.",
        "Something is wrong.",
    ],
    checks: ["Settings", "Radio", "Disk", "Clock", "Broker"],
    levels: ["good", "look at this", "wrong"],
    runs: "What runs",
    found: "What the doctor finds",
    heard: "Last heard",
    never: "nothing yet, since this program started",
    quiet: "quiet for longer than usual",
    ago: "ago",
    line: "Line",
    lines: [
        "no connection; what is heard is kept on the disk",
        "connected to the broker; the server has not answered yet",
        "the server answers",
    ],
    waits: "Waits",
    waiting: ["nothing", "sightings that the server does not have yet"],
    kept: "on the disk",
    evicted: "sightings were given up for lack of room",
    began: "Running for",
    settings: "Settings",
    of_file: "of the file gateway.toml",
    of_server: ["version", "of the server"],
    hangs: ["Hangs", "systemd starts the gateway anew"],
    metrics: "Figures for Prometheus",
};

const DUTCH: Words = Words {
    code: "nl",
    verdicts: [
        "Alles is goed.",
        "Het werkt. Er is iets om naar te kijken.",
        "Er is iets mis.",
    ],
    checks: ["Instellingen", "Radio", "Schijf", "Klok", "Broker"],
    levels: ["goed", "kijk hiernaar", "mis"],
    runs: "Wat er draait",
    found: "Wat de dokter vindt",
    heard: "Laatst gehoord",
    never: "nog niets, sinds dit programma begon",
    quiet: "langer stil dan gewoonlijk",
    ago: "geleden",
    line: "Verbinding",
    lines: [
        "geen verbinding; wat gehoord wordt, wordt op de schijf bewaard",
        "verbonden met de broker; de server heeft nog niet geantwoord",
        "de server antwoordt",
    ],
    waits: "Wacht nog",
    waiting: ["niets", "waarnemingen die de server nog niet heeft"],
    kept: "op de schijf",
    evicted: "waarnemingen zijn opgegeven bij gebrek aan ruimte",
    began: "Draait al",
    settings: "Instellingen",
    of_file: "van het bestand gateway.toml",
    of_server: ["versie", "van de server"],
    hangs: ["Hangt", "systemd start de gateway opnieuw"],
    metrics: "Cijfers voor Prometheus",
};

pub(super) fn page(state: &State, report: &Report, language: Language) -> String {
    let words = match language {
        Language::English => &ENGLISH,
        Language::Dutch => &DUTCH,
    };
    let level = report.level().max(level_of(state));
    let (store, gateway) = (escaped(&state.store), escaped(&state.gateway));
    let mut html = format!(
        "<!doctype html>\n<html lang=\"{}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{gateway} · {store}</title><style>{STYLE}</style></head>\n<body><main>\
         <h1>Gateway {gateway}, {store}</h1>\n\
         <p class=\"verdict {class}\">{mark} {verdict}</p>\n",
        words.code,
        class = class(level),
        mark = mark(level),
        verdict = words.verdicts[level as usize],
    );
    html += &runs(state, words, language);
    let _ = write!(html, "<h2>{}</h2>\n<ul>", words.found);
    for finding in &report.findings {
        html += &found(finding, words, language);
    }
    let _ = write!(
        html,
        "</ul>\n<footer>welkom-gateway {} · <a href=\"/metrics\">{}</a></footer>\
         </main></body></html>\n",
        env!("CARGO_PKG_VERSION"),
        words.metrics
    );
    html
}

/// What the counts alone tell: no line, or a part that hangs.
fn level_of(state: &State) -> Level {
    if state.counts.alive().still(state.now).is_some() {
        return Level::Wrong;
    }
    match state.counts.line() {
        Line::Server => Level::Good,
        Line::Away | Line::Broker => Level::Look,
    }
}

fn runs(state: &State, words: &Words, language: Language) -> String {
    let duration = |ms| duration(ms, language);
    let heard = match state.counts.heard_at() {
        None => words.never.to_owned(),
        Some(at) => {
            let silent_ms = state.now.ms_since(at);
            let quiet = if silent_ms >= QUIET_MS {
                words.quiet
            } else {
                ""
            };
            let since = format!("{} {}", duration(silent_ms), words.ago);
            [since.as_str(), quiet].join(if quiet.is_empty() { "" } else { ": " })
        }
    };
    let counts = state.counts.snapshot();
    let mut waits = match counts.waiting {
        0 => words.waiting[0].to_owned(),
        waiting => format!("{waiting} {}", words.waiting[1]),
    };
    let kb = state.counts.spool_bytes() / 1_000;
    let _ = write!(waits, " ({kb} kB {})", words.kept);
    if counts.evicted_total > 0 {
        let _ = write!(waits, "; {} {}", counts.evicted_total, words.evicted);
    }
    let line = state.counts.line();
    let line_level = if line == Line::Server {
        Level::Good
    } else {
        Level::Look
    };
    let line = format!(
        "<span class=\"mark {}\">{}</span> {}",
        class(line_level),
        mark(line_level),
        words.lines[line as usize]
    );
    let mut rows = vec![
        (words.heard, heard),
        (words.line, line),
        (words.waits, waits),
        (words.settings, settings(state, words)),
        (words.began, duration(state.now.ms_since(state.began))),
    ];
    if let Some(part) = state.counts.alive().still(state.now) {
        let [term, then] = words.hangs;
        let mark = mark(Level::Wrong);
        let text = format!(
            "<span class=\"mark wrong\">{mark} {}</span>: {then}",
            part.as_str()
        );
        rows.insert(0, (term, text));
    }
    let row = |(term, text)| format!("<div><dt>{term}</dt><dd>{text}</dd></div>");
    let rows: String = rows.into_iter().map(row).collect();
    format!("<h2>{}</h2>\n<dl>{rows}</dl>\n", words.runs)
}

/// Which are in force, and whence. What was refused is among the doctor's findings.
fn settings(state: &State, words: &Words) -> String {
    match state.settings.as_ref().and_then(|told| told.version) {
        None => words.of_file.to_owned(),
        Some(version) => {
            let [term, whose] = words.of_server;
            format!("{term} {version} {whose}")
        }
    }
}

fn found(finding: &Problem, words: &Words, language: Language) -> String {
    let (what, todo) = finding.say(language);
    let level = finding.level();
    let check = match finding.check() {
        Check::Settings => 0,
        Check::Radio => 1,
        Check::Disk => 2,
        Check::Clock => 3,
        Check::Broker => 4,
    };
    let mut html = format!(
        "<li><span class=\"mark {}\">{} {}: {}</span><p>{}</p>",
        class(level),
        mark(level),
        words.checks[check],
        words.levels[level as usize],
        escaped(&what)
    );
    if let Some(todo) = todo {
        let _ = write!(html, "<p>{}</p>", escaped(&todo));
    }
    if let Some(command) = finding.command() {
        let _ = write!(html, "<code tabindex=\"0\">{}</code>", escaped(command));
    }
    html + "</li>"
}

fn class(level: Level) -> &'static str {
    match level {
        Level::Good => "good",
        Level::Look => "look",
        Level::Wrong => "wrong",
    }
}

fn mark(level: Level) -> &'static str {
    match level {
        Level::Good => "<span aria-hidden=\"true\">✓</span>",
        Level::Look => "<span aria-hidden=\"true\">◆</span>",
        Level::Wrong => "<span aria-hidden=\"true\">✕</span>",
    }
}

fn duration(ms: u64, language: Language) -> String {
    let s = ms / 1_000;
    let (days, hours) = match language {
        Language::English => ("days", "h"),
        Language::Dutch => ("dagen", "uur"),
    };
    match s {
        0..120 => format!("{s} s"),
        120..7_200 => format!("{} min", s / 60),
        7_200..172_800 => format!("{} {hours}", s / 3_600),
        _ => format!("{} {days}", s / 86_400),
    }
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe += "&amp;",
            '<' => safe += "&lt;",
            '>' => safe += "&gt;",
            '"' => safe += "&quot;",
            '\'' => safe += "&#39;",
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_that_is_wished_for_more_is_taken() {
        assert_eq!(language(None), Language::English);
        assert_eq!(language(Some("nl-NL,nl;q=0.9,en;q=0.8")), Language::Dutch);
        assert_eq!(language(Some("en-GB, nl;q=0.5")), Language::English);
        assert_eq!(language(Some("fr, nl;q=0.3")), Language::Dutch);
        assert_eq!(language(Some("fr;q=x,*")), Language::English);
    }

    #[test]
    fn what_comes_from_the_settings_is_text_and_no_markup() {
        assert_eq!(escaped("<b>\"&'"), "&lt;b&gt;&quot;&amp;&#39;");
    }
}
