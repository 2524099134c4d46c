//! Explains on the command line what the engine thought.
//!
//! In: a database, whether or not a server runs on it; what to explain. Out: text, or JSON with the
//! keys of the API.
//! Promises: says the same as the pages do, in English; reads and writes nothing.
//! Invariant: colours for a terminal alone; times are the store's.

use std::{fmt::Write, path::Path};

use anyhow::Context;
use protocol::VisitId;

use crate::{
    api::visits::ExplainedVisit,
    clock, localtime,
    store::{
        self, StoreError,
        board::VisitRow,
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

/// One visit with all that it rests on.
pub fn presence(database: &Path, visit: VisitId, style: Style) -> anyhow::Result<String> {
    let db = store::open_reader(database)
        .with_context(|| format!("open {}: has a server ever run here?", database.display()))?;
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
    let (bold, dim, end) = match style {
        Style::Colours => ("\u{1b}[1m", "\u{1b}[2m", "\u{1b}[0m"),
        _ => ("", "", ""),
    };
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
