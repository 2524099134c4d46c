//! One reader a store for all its boards: what changed is read and drawn once, however many look.
//!
//! In: signals that a card changed. Out: rounds, each with the cards that changed since the last one
//! and the strip, as text for the wire in each language.
//! A card looks the same to all but the colleague who goes; only the token in its forms is each
//! viewer's own, and is put in last.
//! Promises: a change is on its way within [`ROUND_EVERY`]; a board that came too late for a round,
//! or too slowly, reads what it missed by itself.
//! Invariant: costs grow with changes, not with boards; a store that nobody looks at has no reader.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use engine::outcome::Journey;
use protocol::{StaffId, StoreId};
use tokio::sync::broadcast::{self, error::RecvError};

use super::{card_view, strip};
use crate::{
    api::App,
    clock, localtime,
    store::{
        StoreError,
        board::{self, CardRow},
        shop,
    },
    web::{
        board::{CardUpdate, Viewer, render_strip},
        i18n::{Lang, Texts},
        visit::ZoneNames,
    },
};

/// Changes that come closer together than this go out together.
const ROUND_EVERY: Duration = Duration::from_millis(50);
/// Rounds that a slow board may lag behind before it reads for itself.
const LAG_MAX: usize = 64;
/// Stands for a viewer's token until it is put in: longer than anybody could write by accident.
const TOKEN: &str = "0f6e2d4b-the-token-of-whoever-looks-9a71c3e8";

/// The readers.
#[derive(Default)]
pub struct Feeds {
    of: Mutex<HashMap<StoreId, broadcast::Sender<Arc<Round>>>>,
}

/// What changed since the last round.
pub(super) struct Round {
    /// It holds what changed after this place; whoever is not that far reads the rest for herself.
    pub(super) from: u64,
    pub(super) cards: Vec<Changed>,
    strip: [String; 2],
}

/// A card that changed.
pub(super) struct Changed {
    /// Its place in the store's stream.
    pub(super) n: u64,
    /// The colleague who goes.
    taken_by: Option<StaffId>,
    /// By language: as that colleague sees it, and as all others do.
    drawn: [(String, String); 2],
}

/// What drawing needs of a store.
pub(super) struct Scene {
    timezone: String,
    zones: [ZoneNames; 2],
    store: StoreId,
}

fn place(lang: Lang) -> usize {
    match lang {
        Lang::Nl => 0,
        Lang::En => 1,
    }
}

impl Changed {
    /// For the wire, as this colleague sees it.
    pub(super) fn for_whom(&self, me: StaffId, lang: Lang, csrf: &str) -> String {
        let (mine, others) = &self.drawn[place(lang)];
        let drawn = match self.taken_by {
            Some(staff) if staff == me => mine,
            _ => others,
        };
        drawn.replace(TOKEN, csrf)
    }
}

impl Round {
    /// The strip for the wire.
    pub(super) fn strip(&self, lang: Lang) -> &str {
        &self.strip[place(lang)]
    }
}

impl Feeds {
    /// Follows a store's rounds, from now on.
    pub(super) fn follow(&self, app: &App, store: &StoreId) -> broadcast::Receiver<Arc<Round>> {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(rounds) = of.get(store) {
            return rounds.subscribe();
        }
        let (rounds, follower) = broadcast::channel(LAG_MAX);
        of.insert(store.clone(), rounds.clone());
        tokio::spawn(read(app.clone(), store.clone(), rounds));
        follower
    }

    /// True: nobody looks any more, and the reader may go.
    fn is_idle(&self, store: &StoreId, rounds: &broadcast::Sender<Arc<Round>>) -> bool {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = rounds.receiver_count() == 0;
        if idle {
            of.remove(store);
        }
        idle
    }
}

async fn read(app: App, store: StoreId, rounds: broadcast::Sender<Arc<Round>>) {
    let mut live = app.live.follow_cards();
    let mut shutdown = app.shutdown.clone();
    let mut seen = None;
    loop {
        tokio::select! {
            change = live.recv() => match change {
                Ok(change) if change.store != store || seen.is_some_and(|n| change.n <= n) => {
                    continue;
                }
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            },
            _ = shutdown.changed() => return,
        }
        if app.feeds.is_idle(&store, &rounds) {
            return;
        }
        match round(&app, &store, seen).await {
            Ok((newest, round)) => {
                seen = Some(newest);
                // An error says that nobody looks just now.
                let _ = rounds.send(Arc::new(round));
            }
            Err(error) => tracing::warn!(%error, "boards could not be told"),
        }
        tokio::time::sleep(ROUND_EVERY).await;
    }
}

/// What changed after `seen`; without it, the newest change alone.
async fn round(app: &App, store: &StoreId, seen: Option<u64>) -> Result<(u64, Round), StoreError> {
    let (of, now_ms) = (store.clone(), clock::now_ms());
    let read = app.readers.read(move |db| {
        let newest = board::newest_change(db, &of)?;
        let from = seen.unwrap_or_else(|| newest.saturating_sub(1));
        let changes = board::changes_after(db, &of, from)?.unwrap_or_default();
        let rows = changes
            .into_iter()
            .map(|(n, id)| Ok((n, board::card(db, &of, id)?)));
        let rows = rows.collect::<Result<Vec<_>, StoreError>>()?;
        let (scene, facts) = (Scene::of(db, &of)?, facts(db, &of, now_ms)?);
        Ok((from, newest, rows, scene, facts))
    });
    let (from, newest, rows, scene, facts) = read.await?;
    let cards = rows.iter().map(|(n, row)| scene.draw(*n, row));
    let round = Round {
        from,
        cards: cards.collect(),
        strip: [Lang::Nl, Lang::En].map(|lang| scene.strip(lang, &facts, now_ms)),
    };
    Ok((newest, round))
}

/// What the strip is worked out from: cards on the board, and today's figures.
type Facts = (Vec<CardRow>, board::Today);

fn facts(db: &rusqlite::Connection, store: &StoreId, now_ms: u64) -> Result<Facts, StoreError> {
    let row = shop::store(db, store)?;
    let midnight_ms = localtime::local_day(&row.timezone, now_ms).midnight_ms;
    Ok((
        board::cards_on_board(db, store, now_ms)?,
        board::today(db, store, midnight_ms)?,
    ))
}

impl Scene {
    /// As the store is called and divided now.
    pub(super) fn of(db: &rusqlite::Connection, store: &StoreId) -> Result<Self, StoreError> {
        let names = shop::zone_names(db, store)?;
        Ok(Self {
            timezone: shop::store(db, store)?.timezone,
            zones: [Lang::Nl, Lang::En].map(|lang| ZoneNames::new(names.clone(), lang)),
            store: store.clone(),
        })
    }

    /// A card, for everybody.
    pub(super) fn draw(&self, n: u64, row: &CardRow) -> Changed {
        let taken_by = row.card.taken_by;
        let nobody = StaffId(uuid::Uuid::nil());
        let drawn = [Lang::Nl, Lang::En].map(|lang| {
            let mine = taken_by.map(|staff| self.data(row, staff, lang));
            (mine.unwrap_or_default(), self.data(row, nobody, lang))
        });
        Changed { n, taken_by, drawn }
    }

    /// An `event: card`.
    fn data(&self, row: &CardRow, me: StaffId, lang: Lang) -> String {
        let now_ms = clock::now_ms();
        let update = match row.card.journey {
            Journey::Withdrawn | Journey::Created => Ok(CardUpdate::gone(row.card.card)),
            _ => {
                let viewer = self.viewer(lang);
                let view = card_view(row, me, &self.zones[place(lang)], now_ms);
                CardUpdate::of(&viewer, &view, now_ms)
            }
        };
        // What cannot be drawn leaves the board, and is on it again when the page is loaded.
        let update = update.unwrap_or_else(|error| {
            tracing::error!(%error, "a card could not be drawn");
            CardUpdate::gone(row.card.card)
        });
        serde_json::to_string(&update).unwrap_or_default()
    }

    fn strip(&self, lang: Lang, (cards, today): &Facts, now_ms: u64) -> String {
        let nobody = StaffId(uuid::Uuid::nil());
        let zones = &self.zones[place(lang)];
        let cards: Vec<_> = cards
            .iter()
            .map(|card| card_view(card, nobody, zones, now_ms))
            .collect();
        let html = render_strip(&self.viewer(lang).texts, &strip(&cards, *today, now_ms));
        serde_json::json!({ "html": html.unwrap_or_default() }).to_string()
    }

    fn viewer(&self, lang: Lang) -> Viewer {
        Viewer {
            store: self.store.clone(),
            csrf: TOKEN.to_owned(),
            texts: Texts::new(lang, localtime::zone(&self.timezone)),
        }
    }
}

#[cfg(test)]
mod tests {
    use engine::outcome::Card;
    use protocol::{CardId, CustomerId};

    use super::*;
    use crate::store::{open_writer, people::CustomerRow};

    fn sanne() -> StaffId {
        StaffId::at(1, [1; 10])
    }

    /// Anna waits, and Sanne goes to her.
    fn taken() -> Changed {
        let dir = tempfile::tempdir().unwrap();
        let db = open_writer(&dir.path().join("db")).unwrap();
        let store = crate::store::fixtures::store(&db);
        let customer = CustomerId::at(1, [2; 10]);
        let card = serde_json::json!({
            "card": CardId::at(1, [3; 10]), "customer": customer, "orders": [],
            "journey": "arrived", "arrived_ms": 1, "since_ms": 1, "taken_by": sanne(),
            "taken_ms": 2, "whereabouts": [], "wrong_codes": 0, "not_here": false,
        });
        let row = CardRow {
            card: serde_json::from_value::<Card>(card).unwrap(),
            customer: CustomerRow {
                customer,
                external_id: "anna".into(),
                given_name: "Anna".into(),
                family_name: "de Vries".into(),
                salutation: None,
                language: "nl".into(),
            },
            orders: Vec::new(),
            alerted_ms: 1,
            taken_by_name: Some("Sanne".into()),
        };
        Scene::of(&db, &store).unwrap().draw(7, &row)
    }

    #[test]
    fn whoever_goes_sees_it_as_hers_and_all_others_by_her_name() {
        let (card, daan) = (taken(), StaffId::at(1, [9; 10]));
        let seen = |me, lang| card.for_whom(me, lang, "t0ken");
        assert!(seen(sanne(), Lang::Nl).contains("card-mine"));
        assert!(!seen(daan, Lang::Nl).contains("card-mine"));
        assert!(seen(daan, Lang::Nl).contains("Sanne gaat"));
        assert_ne!(seen(daan, Lang::En), seen(daan, Lang::Nl));
    }

    #[test]
    fn each_viewer_has_her_own_token_in_every_form() {
        let card = taken();
        let hers = card.for_whom(sanne(), Lang::Nl, "t0ken-of-sanne");
        assert!(hers.contains("t0ken-of-sanne") && !hers.contains(TOKEN));
        let update: serde_json::Value = serde_json::from_str(&hers).unwrap();
        let html = update["html"].as_str().unwrap();
        let forms = html.matches("<form").count();
        assert_eq!(html.matches("value=\"t0ken-of-sanne\"").count(), forms);
        assert!(forms > 0);
    }
}
