//! The tables of `engine::journey` as pictures.
//!
//! In: the tables. Out: one SVG for each axis. A state is an upright line, a step is an arrow from
//! line to line, with what happens on the left and what that causes on the right. What time alone
//! causes stands below, with a ring on each state in which it does.
//! Invariant: the same tables give the same text; readable on light and on dark ground.

use std::fmt::Write as _;

use engine::{
    input::OrderState,
    journey::{CALLS, Call, Effect, JOURNEYS, Journey, ORDERS},
};

const STYLE: &str = "<style>
text { font: 13px system-ui, sans-serif; fill: #222 } .head { font-weight: 600 }
.soft { fill: #595959 } .line { stroke: #8886 } .band { fill: #8881 }
.step { stroke: #0072b2; stroke-width: 2; fill: none } .dot { fill: #0072b2 } .tie { stroke-dasharray: 3 4 }
@media (prefers-color-scheme: dark) {
text { fill: #ddd } .soft { fill: #aaa } .step { stroke: #56b4e9 } .dot { fill: #56b4e9 } }
</style>";

const ROW: usize = 24;
const TOP: usize = 84;
const SIGNALS_WIDE: usize = 200;
const STATE_WIDE: usize = 124;
const EFFECTS_WIDE: usize = 290;

/// An arrow: what happens, from which state, to which, what it causes.
struct Arrow {
    signal: String,
    from: usize,
    to: usize,
    causes: String,
}

/// The customer's side.
pub(crate) fn journeys() -> String {
    let at = |state: Journey| Journey::ALL.iter().position(|one| *one == state);
    let arrows = JOURNEYS.iter().map(|step| Arrow {
        signal: words(&format!("{:?}", step.signal)),
        from: at(step.from).unwrap_or_default(),
        to: at(step.to).unwrap_or_default(),
        causes: causes(step.effects),
    });
    let states: Vec<String> = Journey::ALL
        .iter()
        .map(|s| words(&format!("{s:?}")))
        .collect();
    let arrows: Vec<Arrow> = arrows.collect();
    let here = Journey::ALL.iter().enumerate().filter(|(_, s)| s.is_here());
    let here: Vec<usize> = here.map(|(n, _)| n).collect();
    let calls: Vec<Wait> = CALLS
        .iter()
        .map(|rung| Wait {
            passes: format!("{} s, and nobody goes", rung.after_ms / 1_000),
            during: here.clone(),
            causes: match rung.to {
                Call::Everybody => "everybody is called",
                Call::Manager => "the manager is called",
            },
        })
        .collect();
    let below = Below {
        title: "While she waits: each once for a card, until somebody takes it",
        waits: &calls,
    };
    picture("The journey of a customer", &states, &arrows, Some(&below))
}

/// The order's side.
pub(crate) fn orders() -> String {
    let all = [
        OrderState::Placed,
        OrderState::Delayed,
        OrderState::Ready,
        OrderState::Cancelled,
        OrderState::Completed,
    ];
    let at = |state: OrderState| all.iter().position(|one| *one == state).unwrap_or_default();
    let arrows = ORDERS.iter().map(|step| Arrow {
        signal: format!("the shop says {}", words(&format!("{:?}", step.to))),
        from: step.from.map_or(0, |from| at(from) + 1),
        to: at(step.to) + 1,
        causes: if step.tells { "tell her, once" } else { "" }.to_owned(),
    });
    let mut states = vec!["not known".to_owned()];
    states.extend(all.iter().map(|state| words(&format!("{state:?}"))));
    let arrows: Vec<Arrow> = arrows.collect();
    picture("The way of an order", &states, &arrows, None)
}

/// What time alone causes: how much of it, in which states, and what.
struct Wait {
    passes: String,
    during: Vec<usize>,
    causes: &'static str,
}

/// Rows below the arrows.
struct Below<'a> {
    title: &'a str,
    waits: &'a [Wait],
}

fn picture(title: &str, states: &[String], arrows: &[Arrow], below: Option<&Below>) -> String {
    let wide = SIGNALS_WIDE + STATE_WIDE * states.len() + EFFECTS_WIDE;
    let rows_below = below.map_or(0, |below| below.waits.len() + 2);
    let high = TOP + ROW * (arrows.len() + rows_below) + 16;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {wide} {high}\" role=\"img\">\n\
         <title>{title}</title>\n{STYLE}\n<text class=\"head\" x=\"16\" y=\"26\">{title}</text>\n"
    );
    let causes_x = SIGNALS_WIDE + STATE_WIDE * states.len();
    text(&mut out, "soft", (16, TOP - 26), "what happens");
    text(&mut out, "soft", (causes_x, TOP - 26), "what it causes");
    for (n, state) in states.iter().enumerate() {
        let x = line_x(n);
        let _ = writeln!(
            out,
            "<text class=\"head\" text-anchor=\"middle\" x=\"{x}\" y=\"{}\">{state}</text>",
            TOP - 26,
        );
    }
    lines(&mut out, states.len(), (TOP - 18, TOP + ROW * arrows.len()));
    for (n, arrow) in arrows.iter().enumerate() {
        row(&mut out, n, wide, causes_x, arrow);
    }
    if let Some(below) = below {
        // An empty row and the title; the lines leave room for its words.
        let first = arrows.len() + 2;
        text(&mut out, "head", (16, TOP + ROW * first - 9), below.title);
        lines(&mut out, states.len(), (TOP + ROW * first, high - 16));
        for (n, wait) in below.waits.iter().enumerate() {
            wait_row(&mut out, first + n, wide, causes_x, wait);
        }
    }
    out.push_str("</svg>\n");
    out
}

/// The states' upright lines, so far.
fn lines(out: &mut String, states: usize, (from_y, to_y): (usize, usize)) {
    for x in (0..states).map(line_x) {
        let _ = writeln!(
            out,
            "<line class=\"line\" x1=\"{x}\" y1=\"{from_y}\" x2=\"{x}\" y2=\"{to_y}\"/>"
        );
    }
}

/// The band of a row, and its words; where its middle is.
fn words_of_row(
    out: &mut String,
    n: usize,
    (wide, causes_x): (usize, usize),
    happens: &str,
    causes: &str,
) -> usize {
    let middle = TOP + ROW * n + ROW / 2;
    if n.is_multiple_of(2) {
        let y = TOP + ROW * n;
        let _ = writeln!(
            out,
            "<rect class=\"band\" x=\"0\" y=\"{y}\" width=\"{wide}\" height=\"{ROW}\"/>"
        );
    }
    text(out, "what", (16, middle + 4), happens);
    text(out, "soft", (causes_x, middle + 4), causes);
    middle
}

/// A ring on each state, tied together: it is the same wait.
fn wait_row(out: &mut String, n: usize, wide: usize, causes_x: usize, wait: &Wait) {
    let middle = words_of_row(out, n, (wide, causes_x), &wait.passes, wait.causes);
    for &state in &wait.during {
        let _ = writeln!(
            out,
            "<circle class=\"step\" cx=\"{}\" cy=\"{middle}\" r=\"6\"/>",
            line_x(state)
        );
    }
    for pair in wait.during.windows(2) {
        let [from, to] = [pair[0], pair[1]].map(line_x);
        let _ = writeln!(
            out,
            "<path class=\"step tie\" d=\"M{} {middle}H{}\"/>",
            from + 6,
            to - 6
        );
    }
}

fn row(out: &mut String, n: usize, wide: usize, causes_x: usize, arrow: &Arrow) {
    let middle = words_of_row(out, n, (wide, causes_x), &arrow.signal, &arrow.causes);
    let (from, to) = (line_x(arrow.from), line_x(arrow.to));
    if from == to {
        let _ = writeln!(
            out,
            "<circle class=\"step\" cx=\"{from}\" cy=\"{middle}\" r=\"6\"/>"
        );
        return;
    }
    // The point stops short of the line, so that both are seen.
    let (tip, back) = if from < to {
        (to - 3, to - 13)
    } else {
        (to + 3, to + 13)
    };
    let _ = writeln!(
        out,
        "<circle class=\"dot\" cx=\"{from}\" cy=\"{middle}\" r=\"4\"/>\
         <path class=\"step\" d=\"M{from} {middle}H{back}\"/>\
         <path class=\"dot\" d=\"M{tip} {middle}L{back} {}V{}Z\"/>",
        middle - 5,
        middle + 5,
    );
}

fn line_x(state: usize) -> usize {
    SIGNALS_WIDE + STATE_WIDE * state + STATE_WIDE / 2 - 40
}

fn text(out: &mut String, class: &str, (x, y): (usize, usize), words: &str) {
    if !words.is_empty() {
        let _ = writeln!(
            out,
            "<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{words}</text>"
        );
    }
}

fn causes(effects: &[Effect]) -> String {
    let word = |effect: &Effect| match effect {
        Effect::Open => "a new card",
        Effect::Alert => "the alert",
        Effect::Alarm => "staff are told",
        Effect::Hold => "orders are held",
        Effect::Release => "orders are open again",
        Effect::Complete => "orders are completed",
        Effect::Close => "the card is closed",
    };
    effects.iter().map(word).collect::<Vec<_>>().join(", ")
}

/// "DepartedUnserved" as "departed unserved".
fn words(name: &str) -> String {
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(letter.to_lowercase());
    }
    words
}
