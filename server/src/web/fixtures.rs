//! A Sunday in a shop in Utrecht, for the tests and for `examples/pages.rs`: a room for each page.
//!
//! Out: every page in every state that it has, in both languages.

mod board;
mod campaigns;
mod collect;
mod figures;
mod fleet;
mod gateways;
mod integrations;
mod kept;
mod map;
mod phone;
mod porch;
mod till;
mod visit;
mod walk;

use jiff::tz::TimeZone;

use super::{
    i18n::{Lang, Texts},
    lintel::Lintel,
    views::RenderError,
};

#[cfg(test)]
pub(crate) use self::{
    board::{board, card, viewer},
    collect::{collect, share},
    figures::page as figures,
    fleet::{beacon, devices, fleet, gateway, with_desk, without_desk},
    integrations::integrations,
    kept::kept,
    map::{floor, map},
    phone::{message, order, phone},
    porch::{error, login},
    visit::{change, visit},
    walk::{walk, walk_done, walk_going},
};

/// Sunday 22 November 2026, 14:09 in Utrecht.
pub(crate) const NOW_MS: u64 = 1_795_352_940_000;

const HOUR_MS: u64 = 3_600_000;

pub(crate) fn texts(lang: Lang) -> Texts {
    // UTC where the zone is not known: the tests would show times an hour off.
    Texts::new(
        lang,
        TimeZone::get("Europe/Amsterdam").unwrap_or(TimeZone::UTC),
    )
}

/// Pages, by the names of their files.
type Pages = Result<Vec<(&'static str, String)>, RenderError>;

pub(crate) fn all_pages(lang: Lang) -> Pages {
    let rooms = [
        board::pages,
        till::pages,
        campaigns::pages,
        collect::pages,
        figures::pages,
        phone::pages,
        fleet::pages,
        gateways::pages,
        integrations::pages,
        kept::pages,
        map::pages,
        visit::pages,
        walk::pages,
        porch::pages,
    ];
    let pages: Vec<_> = rooms
        .map(|room| room(lang))
        .into_iter()
        .collect::<Result<_, _>>()?;
    Ok(pages.concat())
}

pub(crate) fn lintel(lang: Lang) -> Lintel {
    Lintel {
        store: "kade-9".parse().expect("a slug"),
        store_name: "Kade 9 Utrecht".to_owned(),
        texts: texts(lang),
        csrf: "token-of-this-session".to_owned(),
        staff_name: "Noor".to_owned(),
        other_lang_href: format!("?lang={}", lang.other().code()),
    }
}

fn pick(lang: Lang, nl: &str, en: &str) -> String {
    match lang {
        Lang::Nl => nl,
        Lang::En => en,
    }
    .to_owned()
}
