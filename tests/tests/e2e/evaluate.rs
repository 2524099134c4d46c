//! `evaluate`: the shape of its answers, that they rest on the past alone, and floors under its
//! figures. Recordings of people are not ours to pass on, so they lie where `WELKOM_DATA` points.

use std::{
    path::Path,
    process::{Command, Output},
};

use anyhow::{Context, ensure};
use e2e::harness::{Tool, data, test};
use libtest_mimic::Trial;
use serde_json::Value;

pub(crate) fn tests() -> Vec<Trial> {
    const DATA: &[Tool] = &[Tool::Data];
    vec![
        test(
            "an_unknown_scene_is_followed_from_zone_to_zone",
            &[],
            walks_over,
        ),
        test(
            "who_is_unheard_for_long_is_nowhere_for_sure",
            &[],
            falls_silent,
        ),
        test(
            "evaluate_says_which_line_and_column_is_wrong",
            &[],
            bad_sightings,
        ),
        test("evaluate_says_what_is_wrong_with_a_plan", &[], bad_plans),
        test(
            "after_a_short_saturday_the_figures_say_what_happened",
            &[],
            saturday,
        ),
        test(
            "a_saturday_with_the_internet_cut_ends_with_the_same_figures_and_both_sides_agree",
            &[],
            cut_saturday,
        ),
        test("answers_about_people_rest_on_the_past_alone", DATA, causal),
        test("people_at_a_party_are_found_in_their_zone", DATA, party),
        test("tags_at_an_entrance_are_told_apart", DATA, entrance),
    ]
}

/// Two zones eight metres apart, a gateway in each.
const PLAN: &str = r#"{
    "zones": [{"zone": "north", "x_m": 0, "y_m": 8, "gateways": [1]},
              {"zone": "south", "x_m": 0, "y_m": 0, "gateways": [2]}],
    "gateways": [{"gateway_id": 1, "zone": "north", "x_m": 0, "y_m": 8},
                 {"gateway_id": 2, "zone": "south", "x_m": 0, "y_m": 0}]}"#;

const HEADER: &str = "ts_ms,receiver_id,transmitter_id,rssi_dbm\n";

/// One second of one tag.
#[derive(Debug, Clone, PartialEq)]
struct Said {
    tag: String,
    ts_ms: u64,
    zone: String,
    p: f32,
}

fn evaluate(args: &[&str], at: &Path) -> anyhow::Result<Output> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_evaluate"));
    command
        .args(args)
        .current_dir(at)
        .env("RUST_BACKTRACE", "0");
    Ok(command.output()?)
}

/// What is answered, or what is said against the input.
fn gateways(
    sightings: &str,
    plan: &str,
    mobiles: &str,
) -> anyhow::Result<Result<Vec<Said>, String>> {
    let dir = tempfile::tempdir()?;
    std::fs::write(dir.path().join("heard.csv"), sightings)?;
    std::fs::write(dir.path().join("zones.json"), plan)?;
    let files = [
        "--sightings",
        "heard.csv",
        "--zones",
        "zones.json",
        "--out",
        "said.csv",
    ];
    let args = [&["gateways", "--mobiles", mobiles], &files[..]].concat();
    let output = evaluate(&args, dir.path())?;
    if !output.status.success() {
        let error = String::from_utf8(output.stderr)?;
        ensure!(!error.contains("panicked"), "{error}");
        return Ok(Err(error));
    }
    let mut csv = csv::Reader::from_path(dir.path().join("said.csv"))?;
    ensure!(csv.headers()? == vec!["tag_id", "ts_ms", "zone", "p"]);
    let said = |row: csv::StringRecord| {
        Ok(Said {
            tag: row[0].to_owned(),
            ts_ms: row[1].parse()?,
            zone: row[2].to_owned(),
            p: row[3].parse()?,
        })
    };
    csv.records()
        .map(|row| said(row?))
        .collect::<anyhow::Result<_>>()
        .map(Ok)
}

fn answers(sightings: &str, plan: &str, mobiles: &str) -> anyhow::Result<Vec<Said>> {
    gateways(sightings, plan, mobiles)?.map_err(anyhow::Error::msg)
}

/// A phone with a weak radio: near a gateway -78 dBm, in the other zone -90 dBm, each second once;
/// the gateway in the south hears it, the one in the north is heard by it.
fn stands(from_s: u64, to_s: u64, is_north: bool) -> String {
    let (north, south) = if is_north { (-78, -90) } else { (-90, -78) };
    (from_s..to_s)
        .map(|s| format!("{0},7,1,{north}\n{0},2,7,{south}\n", s * 1_000 + 300))
        .collect()
}

async fn walks_over() -> anyhow::Result<()> {
    let heard = HEADER.to_owned() + &stands(1_000, 1_060, true) + &stands(1_060, 1_120, false);
    let said = answers(&heard, PLAN, "7")?;
    let seconds: Vec<u64> = said.iter().map(|s| s.ts_ms / 1_000).collect();
    ensure!(
        seconds == (1_001..=1_120).collect::<Vec<_>>(),
        "{seconds:?}"
    );
    let at = |s: u64| {
        said.iter()
            .find(|a| a.ts_ms == s * 1_000)
            .context("an answer")
    };
    ensure!(
        at(1_059)?.zone == "north" && at(1_059)?.p > 0.5,
        "{:?}",
        at(1_059)?
    );
    ensure!(
        at(1_120)?.zone == "south" && at(1_120)?.p > 0.6,
        "{:?}",
        at(1_120)?
    );
    // The order of rows and other columns do not matter.
    let mut lines: Vec<String> = heard.lines().skip(1).map(|l| format!("{l},x")).collect();
    lines.reverse();
    let shuffled = HEADER.trim_end().to_owned() + ",note\n" + &lines.join("\n");
    ensure!(
        answers(&shuffled, PLAN, "7")? == said,
        "the order of rows matters"
    );
    Ok(())
}

async fn falls_silent() -> anyhow::Result<()> {
    let heard = HEADER.to_owned() + &stands(0, 60, true) + &stands(600, 601, true);
    let said = answers(&heard, PLAN, "7")?;
    let silent = said
        .iter()
        .filter(|a| (200_000..590_000).contains(&a.ts_ms));
    for answer in silent.clone() {
        ensure!(answer.zone.is_empty() && answer.p == 0.0, "{answer:?}");
    }
    ensure!(silent.count() == 390, "a second is missing");
    Ok(())
}

/// Thirty people in twenty minutes. How soon so few are noticed is luck, and measured over whole days.
async fn saturday() -> anyhow::Result<()> {
    short_saturday(&["--seed", "1"]).map(|_| ())
}

/// The same with a machine in the store, and eight minutes without a line.
async fn cut_saturday() -> anyhow::Result<()> {
    let cut = ["--seed", "2", "--home", "--cut-at", "5", "--cut-for", "8"];
    let rows = short_saturday(&cut)?;
    let apart = |row: &&Value| row["what"] == "what machine and central server disagree about";
    let apart = rows.iter().find(apart).context("both sides")?;
    ensure!(apart["said"] == 0, "{apart:#}");
    Ok(())
}

fn short_saturday(more: &[&str]) -> anyhow::Result<Vec<Value>> {
    let dir = tempfile::tempdir()?;
    let people = ["--pickups", "12", "--returns", "3", "--reservations", "3"];
    let others = ["--visitors", "8", "--passers", "4", "--minutes", "20"];
    let args = [&["saturday", "--json"][..], &people, &others, more].concat();
    let said = evaluate(&args, dir.path())?;
    let rows: Vec<Value> = serde_json::from_slice(&said.stdout)?;
    let row = |what: &str| -> anyhow::Result<&Value> {
        let found = rows.iter().find(|row| row["what"] == what);
        found.with_context(|| format!("no line {what:?}"))
    };
    ensure!(
        row("page: served")?["said"].as_u64() > Some(10),
        "{rows:#?}"
    );
    ensure!(
        row("page: by_hour, groups with all figures")?["said"] == 1,
        "{rows:#?}"
    );
    let missed: Vec<&Value> = rows.iter().filter(|row| row["met"] == false).collect();
    let luck = |row: &&&Value| row["what"] == "alert after the door line, 95 %, s";
    ensure!(missed.iter().all(|row| luck(&row)), "{missed:#?}");
    ensure!(
        said.status.success() == missed.is_empty(),
        "{}",
        said.status
    );
    Ok(rows)
}

async fn bad_sightings() -> anyhow::Result<()> {
    for (rows, wanted) in [
        (
            "5,1,7,-6x\n",
            "heard.csv, line 2, column rssi_dbm: '-6x' is not such a number",
        ),
        (
            "5,1,7,-70\n5,1,7\n",
            "heard.csv, line 3, column rssi_dbm: missing",
        ),
        (
            "5,1,7,127\n",
            "heard.csv, line 2, column rssi_dbm: 127 is not between -127 and 20 dBm",
        ),
        ("5,,7,-70\n", "heard.csv, line 2, column receiver_id: empty"),
        (
            "-5,1,7,-70\n",
            "heard.csv, line 2, column ts_ms: '-5' is not such a number",
        ),
        (
            "18446744073709551615,1,7,-70\n",
            "heard.csv, line 2, column ts_ms: 1844",
        ),
    ] {
        let error = gateways(&(HEADER.to_owned() + rows), PLAN, "7")?
            .err()
            .unwrap_or_default();
        ensure!(error.contains(wanted), "{error} instead of {wanted}");
    }
    let error = gateways("ts_ms,rssi_dbm\n", PLAN, "7")?
        .err()
        .unwrap_or_default();
    ensure!(
        error.contains("heard.csv, line 1: no column receiver_id"),
        "{error}"
    );
    Ok(())
}

async fn bad_plans() -> anyhow::Result<()> {
    for (plan, wanted) in [
        ("{\"zones\": [", "line 1 column 11"),
        ("{\"zones\": []}", "there is no zone"),
        (r#"{"zones": [{"zone": "a"}]}"#, "there is no gateway"),
        (
            r#"{"zones": [{"zone": "none", "gateways": [1]}]}"#,
            "cannot be called 'none'",
        ),
        (
            r#"{"zones": [{"zone": "a", "gateways": [1]}, {"zone": "a"}]}"#,
            "zone a is there twice",
        ),
        (
            r#"{"zones": [{"zone": "a", "gateways": [1]}, {"zone": "b", "gateways": [1]}]}"#,
            "gateway 1 is in a and in b",
        ),
        (
            r#"{"zones": [{"zone": "a"}], "gateways": [{"gateway_id": 1, "zone": "b"}]}"#,
            "gateway 1 is in zone b, which is not there",
        ),
        (
            r#"{"zones": [{"zone": "a", "gateways": [7]}]}"#,
            "7 is a gateway and is to be followed",
        ),
    ] {
        let error = gateways(HEADER, plan, "7")?.err().unwrap_or_default();
        ensure!(error.contains(wanted), "{error} instead of {wanted}");
    }
    Ok(())
}

/// Four of those who sat at the end of the party, where they sat.
const PARTY: &str = r#"{
    "zones": [{"zone": "north", "x_m": 1.8, "y_m": 3.1}, {"zone": "south", "x_m": 1.65, "y_m": -3}],
    "gateways": [{"gateway_id": 17, "zone": "north", "x_m": 2.2, "y_m": 3.4},
                 {"gateway_id": 18, "zone": "north", "x_m": 1.4, "y_m": 2.8},
                 {"gateway_id": 1, "zone": "south", "x_m": 1.2, "y_m": -3},
                 {"gateway_id": 4, "zone": "south", "x_m": 2.1, "y_m": -3}]}"#;

/// The party, up to a time.
fn heard_at_party(until_ms: u64) -> anyhow::Result<String> {
    let file = data()?.join("dp3t_exp05/scenario05-party_sightings.csv");
    let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    let is_due = |line: &&str| {
        let ts_ms = line.split(',').next().and_then(|ts| ts.parse::<u64>().ok());
        ts_ms.is_none_or(|ts_ms| ts_ms <= until_ms)
    };
    Ok(text.lines().filter(is_due).collect::<Vec<_>>().join("\n"))
}

/// Sixteen minutes into the recording.
const MIDDLE_MS: u64 = 1_587_114_513_000;

async fn causal() -> anyhow::Result<()> {
    let whole = answers(&heard_at_party(u64::MAX)?, PARTY, "14,2")?;
    let part = answers(&heard_at_party(MIDDLE_MS)?, PARTY, "14,2")?;
    ensure!(part.len() > 1_000, "{} seconds", part.len());
    for said in part.iter().filter(|said| said.ts_ms <= MIDDLE_MS) {
        ensure!(
            whole.contains(said),
            "{said:?} is another with what came later"
        );
    }
    Ok(())
}

async fn party() -> anyhow::Result<()> {
    let said = answers(&heard_at_party(u64::MAX)?, PARTY, "14,19,2,3")?;
    // From the eighth minute on the first two sat in the north and the others in the south.
    let seated: Vec<&Said> = said
        .iter()
        .filter(|a| a.ts_ms >= 1_587_114_033_000)
        .collect();
    let truth = |a: &Said| {
        if matches!(&*a.tag, "14" | "19") {
            "north"
        } else {
            "south"
        }
    };
    let share = |of: &[&&Said]| {
        of.iter().filter(|a| a.zone == truth(a)).count() as f64 / of.len().max(1) as f64
    };
    let all: Vec<&&Said> = seated.iter().collect();
    let sure: Vec<&&Said> = seated.iter().filter(|a| a.p >= 0.9).collect();
    let (right, sure_right) = (share(&all), share(&sure));
    ensure!(right > 0.8, "right in {right:.3} of {} seconds", all.len());
    ensure!(
        sure_right > 0.9 && sure.len() * 10 > all.len(),
        "right in {sure_right:.3} of {} sure seconds",
        sure.len()
    );
    Ok(())
}

async fn entrance() -> anyhow::Result<()> {
    let dir = data()?.join("uci_itag_entrance");
    let output = evaluate(&["entrance", "--dir", "."], &dir)?;
    let said = String::from_utf8(output.stderr)?;
    let figure = |name: &str| {
        let line = said
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .context(said.clone())?;
        let value = line.split_whitespace().next().context("a figure")?;
        anyhow::Ok(value.parse::<f64>()?)
    };
    let (windows, followed) = (
        figure("right, windows of 10 s by themselves:")?,
        figure("right, each row with all before it:")?,
    );
    ensure!(windows > 0.80, "{said}");
    ensure!(followed > 0.84, "{said}");
    Ok(())
}
