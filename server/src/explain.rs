//! Explains on the command line what the engine thought.
//!
//! In: a database, whether or not a server runs on it; what to explain. Out: text, or JSON with the
//! keys of the API.
//! Promises: says the same as the pages do, in English; reads and writes nothing.
//! Invariant: colours for a terminal alone; times are the store's.

use std::{collections::BTreeMap, fmt::Write, path::Path};

use anyhow::Context;
use engine::{
    input::MatchFacts,
    outcome::{Choice, Decision, Subject, When},
};
use protocol::{CampaignId, DecisionId, VisitId};
use rusqlite::Connection;

use crate::{
    api::visits::ExplainedVisit,
    clock, localtime,
    store::{
        self, StoreError,
        board::VisitRow,
        campaigns,
        outbox::{self, Fate},
        shop::{self, StoreRow},
        visits::{self, ChangeRow},
    },
    web::{
        i18n::{Lang, Texts},
        visit::{Told, ZoneNames, lasting, tell},
    },
};

/// How it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// For people, on a terminal.
    Colours,
    /// For people, in a file or another program.
    Plain,
    /// For programs.
    Json,
}

/// One decision with all that it rests on: what was weighed, what spoke against it, what was known
/// then, and what became of the message.
pub fn decision(database: &Path, decision: DecisionId, style: Style) -> anyhow::Result<String> {
    let db = open(database)?;
    let Some(of) = campaigns::store_of_decision(&db, decision)? else {
        anyhow::bail!("there is no decision {decision}: it was erased, or it never was");
    };
    let body = outbox::decision_body(&db, decision)
        .context("this decision is from before campaigns, and of another shape")?
        .context("it was erased just now")?;
    if style == Style::Json {
        return Ok(serde_json::to_string_pretty(&body)? + "\n");
    }
    let shop = shop::store(&db, &of)?;
    let zones = ZoneNames::new(shop::zone_names(&db, &of)?, Lang::En);
    let texts = Texts::new(Lang::En, localtime::zone(&shop.timezone));
    let mut names = BTreeMap::new();
    for weighed in &body.weighed {
        let version = campaigns::version(&db, weighed.campaign, weighed.version)?;
        let name = version.map_or_else(|| weighed.campaign.to_string(), |v| v.name);
        names.insert(
            weighed.campaign,
            format!("{name} (version {})", weighed.version),
        );
    }
    let fate = outbox::fate(&db, decision)?;
    let paper = Paper::new(style);
    Ok(paper.decision(&shop, &texts, &zones, &body, &names, fate))
}

/// A text with headings and asides.
struct Paper {
    bold: &'static str,
    dim: &'static str,
    end: &'static str,
}

impl Paper {
    fn new(style: Style) -> Self {
        let (bold, dim, end) = match style {
            Style::Colours => ("\u{1b}[1m", "\u{1b}[2m", "\u{1b}[0m"),
            Style::Plain | Style::Json => ("", "", ""),
        };
        Self { bold, dim, end }
    }

    fn decision(
        &self,
        shop: &StoreRow,
        texts: &Texts,
        zones: &ZoneNames,
        body: &Decision,
        names: &BTreeMap<CampaignId, String>,
        fate: Option<Fate>,
    ) -> String {
        let Self { bold, dim, end } = self;
        let named = |id: &CampaignId| names.get(id).map_or_else(|| id.to_string(), String::clone);
        let mut lines = vec![
            format!(
                "{bold}{}{end}, {}{}",
                shop.name,
                texts.moment_within(body.at_ms, clock::now_ms()),
                moment(body, zones)
            ),
            format!("{dim}decision {}, visit {}{end}", body.decision, body.visit),
            String::new(),
        ];
        lines.push(match &body.choice {
            Choice::Notify { campaign, subject } => {
                format!(
                    "{bold}Told{end}: {} by \"{}\"",
                    about(subject),
                    named(campaign)
                )
            }
            Choice::Suppress { reason } => {
                format!("{bold}Silent{end}: {}", texts.reason(*reason))
            }
        });
        if !body.weighed.is_empty() {
            lines.push(format!("\n{bold}Campaigns, best first{end}"));
        }
        for weighed in &body.weighed {
            let said = match (weighed.out, &weighed.subject) {
                (Some(reason), _) => texts.reason(reason),
                (None, Some(subject)) => format!("could be told: {}", about(subject)),
                (None, None) => "could be told".to_owned(),
            };
            lines.push(format!("  {}: {said}", named(&weighed.campaign)));
        }
        if !body.considered.is_empty() {
            lines.push(format!("\n{bold}Products, best first{end}"));
        }
        for considered in &body.considered {
            let made: Vec<String> = considered
                .features
                .iter()
                .map(|(feature, by)| format!("{} {by:.2}", word(*feature)))
                .collect();
            let said = considered
                .out
                .map_or_else(String::new, |out| format!(", {}", texts.reason(out)));
            lines.push(format!(
                "  {}: {:.2} = {}{said}",
                considered.sku,
                considered.score,
                made.join(" + ")
            ));
        }
        if let Some(facts) = &body.facts {
            lines.push(format!("\n{bold}What was known{end}"));
            lines.extend(known(facts));
        }
        if let Some((state, tries)) = fate {
            lines.push(format!("\n{bold}The message{end}: {state}"));
            for (at_ms, result) in tries {
                lines.push(format!("  {dim}{}{end} {result}", texts.clock(at_ms)));
            }
        }
        lines.join("\n") + "\n"
    }
}

fn moment(body: &Decision, zones: &ZoneNames) -> String {
    let Some(moment) = &body.moment else {
        return String::new();
    };
    let what = match moment.when {
        When::Enter => "came into".to_owned(),
        When::Dwell { seconds } => format!("had been for {seconds} s in"),
        When::Exit => "left the store from".to_owned(),
    };
    let percent = (body.share * 100.0).round();
    format!(": {what} {}, {percent}% sure", zones.name(&moment.zone))
}

fn about(subject: &Subject) -> String {
    match subject {
        Subject::Product { sku } => sku.to_string(),
        Subject::Reward { reward } => format!("reward {reward}"),
        Subject::Store => "the store".to_owned(),
    }
}

/// A word of the engine as the API spells it.
fn word(value: impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word.replace('_', " "),
        _ => String::new(),
    }
}

fn known(facts: &MatchFacts) -> Vec<String> {
    let yes = |on: bool| if on { "yes" } else { "no" };
    vec![
        format!(
            "  consent: arrival {}, messages {}, browsing {}, statistics {}",
            yes(facts.consent.arrival),
            yes(facts.consent.messages),
            yes(facts.consent.browsing),
            yes(facts.consent.statistics)
        ),
        format!(
            "  visit {}, told today {}, {:02}:{:02} on day {} of the week",
            facts.visit_number,
            facts.told_today(),
            facts.local_minute / 60,
            facts.local_minute % 60,
            facts.weekday
        ),
        format!(
            "  paused {}, waits for an order {}, heard in another store {}, products {}",
            yes(facts.paused),
            yes(facts.waits_for_order),
            yes(facts.in_two_stores),
            facts.candidates.len()
        ),
    ]
}

fn open(database: &Path) -> anyhow::Result<Connection> {
    store::open_reader(database)
        .with_context(|| format!("open {}: has a server ever run here?", database.display()))
}

/// One visit with all that it rests on.
pub fn presence(database: &Path, visit: VisitId, style: Style) -> anyhow::Result<String> {
    let db = open(database)?;
    let of = match visits::store_of(&db, visit) {
        Err(StoreError::NotFound(_)) => anyhow::bail!(
            "there is no visit {visit}: it was erased, its consent was taken back, or it never was"
        ),
        of => of?,
    };
    let (row, changes) = (
        visits::visit(&db, &of, visit)?,
        visits::changes(&db, visit)?,
    );
    if style == Style::Json {
        let explained = ExplainedVisit::of(row, changes);
        return Ok(serde_json::to_string_pretty(&explained)? + "\n");
    }
    let shop = shop::store(&db, &of)?;
    let zones = ZoneNames::new(shop::zone_names(&db, &of)?, Lang::En);
    Ok(timeline(&shop, &zones, &row, &changes, style))
}

fn timeline(
    shop: &StoreRow,
    zones: &ZoneNames,
    row: &VisitRow,
    changes: &[ChangeRow],
    style: Style,
) -> String {
    let texts = Texts::new(Lang::En, localtime::zone(&shop.timezone));
    let now_ms = clock::now_ms();
    let Paper { bold, dim, end } = Paper::new(style);
    let mut out = String::new();
    // Writing into a string does not fail.
    let _ = writeln!(
        out,
        "{bold}{}{end}, {}, {} ({})\n{dim}visit {}{end}",
        shop.name,
        texts.moment_within(row.entered_ms, now_ms),
        lasting(&texts, row, now_ms),
        texts.zone_name(),
        row.visit,
    );
    let told = tell(&texts, zones, changes, row.left_ms.is_none());
    if told.is_empty() {
        let _ = writeln!(out, "\n{}", texts.get("visit-none"));
    }
    for Told {
        clock, what, why, ..
    } in told
    {
        let _ = writeln!(out, "\n{clock}  {bold}{what}{end}");
        for line in why {
            let _ = writeln!(out, "          {dim}{line}{end}");
        }
    }
    out
}
