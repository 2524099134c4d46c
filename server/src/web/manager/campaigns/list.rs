//! The list of messages: which run here, and what came of them in a week.
//!
//! In: campaigns with their counts. Out: the page.
//! Invariant: a manager sees what concerns her store, and nothing of what others made for theirs.

use axum::{http::StatusCode, response::Response};
use engine::{campaign::Trigger, outcome::When};

use super::{Desk, WEEK_MS, reach};
use crate::{
    clock,
    store::{
        campaigns::{self, State},
        shop, uplift,
    },
    web::{
        campaigns::{CampaignRowView, CampaignsPage, render_campaigns},
        i18n::Texts,
        routes::PageError,
        visit::ZoneNames,
    },
};

pub(in crate::web) async fn list(desk: Desk) -> Response {
    let html = draw_list(&desk).await;
    desk.answer(StatusCode::OK, html)
}

async fn draw_list(desk: &Desk) -> Result<String, PageError> {
    let now_ms = clock::now_ms();
    let of = desk.lintel.store.clone();
    let since_ms = now_ms.saturating_sub(WEEK_MS);
    let runs_chain = desk.admin;
    let read = desk.app.readers.read(move |db| {
        let names = shop::zone_names(db, &of)?;
        let stores = reach::store_names(db)?;
        let mut rows = campaigns::all(db)?;
        rows.sort_by_key(|row| (order(row.state), std::cmp::Reverse(row.newest.saved_ms)));
        let mut with = Vec::new();
        for row in rows {
            if !(runs_chain || reach::concerns(db, &row, &of)?) {
                continue;
            }
            let id = row.newest.campaign.campaign;
            let ends = campaigns::ends_since(db, &of, id, since_ms)?;
            let uplift = uplift::uplift(db, id, row.newest.attribution_ms)?;
            let reach = reach::stores(db, &row)?;
            with.push((row, reach, ends, uplift));
        }
        Ok((names, stores, with))
    });
    let (names, stores, rows) = read.await?;
    let texts = &desk.lintel.texts;
    let names = ZoneNames::new(names, texts.lang);
    let (mut sent_sum, mut held_sum) = (0, 0);
    let mut views = Vec::new();
    for (row, reach, ends, uplift) in rows {
        let held: Vec<(String, u64)> = ends
            .held_back
            .iter()
            .map(|(reason, times)| (texts.reason(*reason), *times))
            .collect();
        sent_sum += ends.told;
        held_sum += held.iter().map(|(_, times)| times).sum::<u64>();
        let newest = row.newest.campaign.version;
        views.push(CampaignRowView {
            campaign: row.newest.campaign.campaign.to_string(),
            name: row.newest.name.clone(),
            state: row.state,
            draft: (row.published != Some(newest) && row.published.is_some()).then_some(newest),
            when: when_words(texts, &names, &row.newest.campaign.trigger),
            reach: reach::words(texts, &stores, &reach),
            sent: ends.told,
            held_back: held,
            uplift,
        });
    }
    let page = CampaignsPage {
        lintel: desk.lintel.clone(),
        campaigns: views,
        sent: sent_sum,
        held_back: held_sum,
    };
    Ok(render_campaigns(&page, now_ms)?)
}

fn order(state: State) -> u8 {
    match state {
        State::Published => 0,
        State::Paused => 1,
        State::Draft => 2,
        State::Ended => 3,
    }
}

fn when_words(t: &Texts, zones: &ZoneNames, trigger: &Trigger) -> String {
    let names: Vec<String> = trigger.zones.iter().map(|zone| zones.name(zone)).collect();
    let place = match names.is_empty() {
        true => t.get("campaign-zone-any").to_lowercase(),
        false => names.join(", "),
    };
    match trigger.when {
        When::Enter => t.with("when-said-enter", "zone", place),
        When::Dwell { seconds } => t.with2("when-said-dwell", "seconds", seconds, "zone", place),
        When::Exit => t.get("when-said-exit"),
    }
}
