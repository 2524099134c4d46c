//! Segment's HTTP API: what web shops and apps tell of their visitors as it happens.
//!
//! In: `track`, `identify` and `batch` calls with a write key. Out: `{"success": true}`, as Segment
//! says it, and what was set aside.
//! What a customer did is kept only with her consent `browsing`; what nobody did (yet) for a short
//! time, under a hash; what a user did whom we do not know, not at all.
//! A write key may stand in a web page, so nothing here changes what others see: products and
//! articles are told by other ways.
//! Invariant: a batch is one transaction; one bad event in it costs none of the others.

mod spec;

use std::collections::HashMap;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
};
use engine::input::Consent;
use protocol::CustomerId;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use self::spec::{Deed, Event, Read};
use super::{
    App,
    access::WriteKey,
    problem::{Problem, Raw},
};
use crate::{
    clock,
    pipeline::Txn,
    store::{
        StoreError, catalogue,
        intents::{self, Did, Pen, Who},
        people,
        receipts::{self, ReceiptRow},
        sources::{self, News},
    },
};

/// Bytes of an event at most, as Segment documents it.
pub const EVENT_LEN_MAX: usize = 32 * 1024;
/// Bytes of a batch at most, as Segment documents it.
pub const BATCH_LEN_MAX: usize = 500 * 1024;
/// Events of a batch at most, as Segment documents it.
pub const BATCH_EVENTS_MAX: usize = 2_500;

/// What Segment answers.
#[derive(Debug, Serialize, ToSchema)]
pub struct Taken {
    /// Always true.
    success: bool,
    /// Events of a batch that cannot be read; the others are kept.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    set_aside: Vec<SetAside>,
}

/// An event that cannot be read.
#[derive(Debug, Serialize, ToSchema)]
pub struct SetAside {
    /// Its place in the batch; the first is 0.
    index: usize,
    /// What is wrong with it.
    reason: String,
}

/// Records one thing that a shopper did online.
#[utoipa::path(post, path = "/v1/track", tag = "events",
    request_body(content = String, content_type = "application/json"),
    responses((status = 200, body = Taken), (status = "default", body = Problem)))]
pub(super) async fn track(
    key: WriteKey,
    State(app): State<App>,
    headers: HeaderMap,
    Raw(body): Raw,
) -> Result<Json<Taken>, Problem> {
    one(&app, &key, &headers, &body, "track").await
}

/// Says whose browser it is.
#[utoipa::path(post, path = "/v1/identify", tag = "events",
    request_body(content = String, content_type = "application/json"),
    responses((status = 200, body = Taken), (status = "default", body = Problem)))]
pub(super) async fn identify(
    key: WriteKey,
    State(app): State<App>,
    headers: HeaderMap,
    Raw(body): Raw,
) -> Result<Json<Taken>, Problem> {
    one(&app, &key, &headers, &body, "identify").await
}

#[derive(Deserialize)]
struct Batch<'a> {
    #[serde(borrow)]
    batch: Vec<&'a RawValue>,
}

/// Records up to 2,500 things at once.
#[utoipa::path(post, path = "/v1/batch", tag = "events",
    request_body(content = String, content_type = "application/json"),
    responses((status = 200, body = Taken), (status = "default", body = Problem)))]
pub(super) async fn batch(
    key: WriteKey,
    State(app): State<App>,
    headers: HeaderMap,
    Raw(body): Raw,
) -> Result<Json<Taken>, Problem> {
    let text = json_text(&headers, &body)?;
    let Batch { batch } = serde_json::from_str(text).map_err(|error| {
        let at = format!("line {} column {}", error.line(), error.column());
        not_json(format!("an object with a list `batch` is expected; {at}"))
    })?;
    if batch.len() > BATCH_EVENTS_MAX {
        return Err(Problem::too_large(format!(
            "a batch holds at most {BATCH_EVENTS_MAX} events"
        )));
    }
    let now_ms = clock::now_ms();
    let mut sorted = Sorted::default();
    for (index, raw) in batch.into_iter().enumerate() {
        sorted.add(index, raw.get(), None, now_ms);
    }
    let set_aside = sorted.set_aside();
    take(&app, key, sorted).await?;
    Ok(Json(Taken {
        success: true,
        set_aside,
    }))
}

async fn one(
    app: &App,
    key: &WriteKey,
    headers: &HeaderMap,
    body: &[u8],
    kind: &str,
) -> Result<Json<Taken>, Problem> {
    if body.len() > EVENT_LEN_MAX {
        return Err(Problem::too_large(format!(
            "an event has at most {EVENT_LEN_MAX} bytes"
        )));
    }
    let mut sorted = Sorted::default();
    sorted.add(0, json_text(headers, body)?, Some(kind), clock::now_ms());
    let refused = sorted.set_aside().pop();
    let key = WriteKey {
        name: key.name.clone(),
    };
    take(app, key, sorted).await?;
    match refused {
        Some(SetAside { reason, .. }) => Err(Problem::invalid(reason)),
        None => Ok(Json(Taken {
            success: true,
            set_aside: Vec::new(),
        })),
    }
}

fn json_text<'a>(headers: &HeaderMap, body: &'a [u8]) -> Result<&'a str, Problem> {
    if headers.contains_key(header::CONTENT_ENCODING) {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "media-type",
            "The body is not JSON",
            "send it as it is, without Content-Encoding",
        ));
    }
    std::str::from_utf8(body).map_err(|_| not_json("the body is not UTF-8"))
}

fn not_json(detail: impl Into<String>) -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "not-json",
        "The body is not JSON",
        detail,
    )
}

/// Events that were read, and those that were not.
#[derive(Default)]
struct Sorted {
    events: Vec<Event>,
    ignored: u64,
    bad: Vec<(usize, String)>,
}

impl Sorted {
    fn add(&mut self, index: usize, json: &str, kind: Option<&str>, now_ms: u64) {
        if json.len() > EVENT_LEN_MAX {
            let reason = format!("more than {EVENT_LEN_MAX} bytes");
            return self.bad.push((index, reason));
        }
        match spec::read(json, kind, now_ms) {
            Ok(Read::Event(event)) => self.events.push(*event),
            Ok(Read::Ignored) => self.ignored += 1,
            Err(reason) => self.bad.push((index, reason)),
        }
    }

    fn set_aside(&self) -> Vec<SetAside> {
        let aside = |(index, reason): &(usize, String)| SetAside {
            index: *index,
            reason: reason.clone(),
        };
        self.bad.iter().map(aside).collect()
    }
}

async fn take(app: &App, key: WriteKey, sorted: Sorted) -> Result<(), Problem> {
    let source = format!("track/{}", key.name);
    app.pipeline
        .write(move |txn| {
            let mut tallies = apply(txn, &source, &sorted.events)?;
            tallies.ignored += sorted.ignored;
            tallies.set_aside += sorted.bad.len() as u64;
            let error = |(index, reason): &(usize, String)| format!("event {index}: {reason}");
            let news = News {
                tally: tallies.words(),
                signature: None,
                errors: sorted.bad.iter().map(error).collect(),
            };
            sources::count(txn.db, txn.now_ms, &source, &news)
        })
        .await?;
    Ok(())
}

/// What became of events.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Tallies {
    /// A customer's, with her consent.
    kept: u64,
    /// Nobody's yet.
    anonymous: u64,
    /// Came before.
    repeated: u64,
    /// A customer's without her consent.
    no_consent: u64,
    /// Of a user whom we do not know.
    unknown_user: u64,
    /// Say nothing that matters here.
    ignored: u64,
    /// Cannot be read.
    set_aside: u64,
}

impl Tallies {
    fn words(self) -> sources::Tally {
        [
            ("kept", self.kept),
            ("anonymous", self.anonymous),
            ("repeated", self.repeated),
            ("no_consent", self.no_consent),
            ("unknown_user", self.unknown_user),
            ("ignored", self.ignored),
            ("set_aside", self.set_aside),
        ]
        .into_iter()
        .filter(|(_, n)| *n > 0)
        .map(|(word, n)| (word.to_owned(), n))
        .collect()
    }
}

/// Writes events, in one transaction.
fn apply(txn: &mut Txn<'_>, source: &str, events: &[Event]) -> Result<Tallies, StoreError> {
    let (db, now_ms) = (txn.db, txn.now_ms);
    let mut pen = Pen::new(db, now_ms)?;
    let mut tallies = Tallies::default();
    let mut people: HashMap<&str, Option<(CustomerId, Consent)>> = HashMap::new();
    for event in events {
        if let Some(message) = &event.message
            && !pen.is_new(source, message)?
        {
            tallies.repeated += 1;
            continue;
        }
        let Some(user) = event.user.as_deref() else {
            let browser = event.anonymous.as_deref().unwrap_or_default();
            tallies.anonymous += 1;
            // An order of nobody says nothing to anybody.
            if let Deed::Browse { .. } | Deed::Article { .. } = event.deed {
                browse(db, &mut pen, Who::anonymous(browser), event)?;
            }
            continue;
        };
        let known = match people.get(user) {
            Some(known) => *known,
            None => {
                let customer = people::by_external_id(db, user)?;
                let known = customer
                    .map(|customer| Ok::<_, StoreError>((customer, txn.switches(customer)?)))
                    .transpose()?;
                people.insert(user, known);
                known
            }
        };
        let agreed = known.filter(|(_, consent)| consent.browsing);
        if let (Deed::Identify, Some(browser)) = (&event.deed, &event.anonymous)
            && let Who::Anonymous(hash) = Who::anonymous(browser)
        {
            // Who does not agree, or is not known, leaves nothing behind.
            intents::claim(db, hash, agreed.map(|(customer, _)| customer))?;
        }
        match (known, agreed, &event.deed) {
            (None, ..) => tallies.unknown_user += 1,
            (Some((customer, consent)), _, Deed::Order { .. }) => {
                order(db, now_ms, source, customer, consent, event)?;
                if consent.browsing || consent.statistics {
                    tallies.kept += 1;
                } else {
                    tallies.no_consent += 1;
                }
            }
            (_, None, _) => tallies.no_consent += 1,
            (_, Some((customer, _)), _) => {
                tallies.kept += 1;
                browse(db, &mut pen, Who::Customer(customer), event)?;
            }
        }
    }
    drop(pen);
    for (customer, _) in people.into_values().flatten() {
        intents::trim(db, customer, now_ms)?;
    }
    intents::tidy(db, now_ms)?;
    Ok(tallies)
}

fn browse(
    db: &rusqlite::Connection,
    pen: &mut Pen<'_>,
    who: Who,
    event: &Event,
) -> Result<(), StoreError> {
    let at_ms = event.at_ms;
    match &event.deed {
        Deed::Browse {
            did,
            items,
            categories,
        } => {
            for (item, price_minor) in items {
                pen.did(who, item, *did, at_ms, *price_minor)?;
            }
            for category in categories {
                pen.looked_at(who, category, at_ms)?;
            }
        }
        Deed::Article {
            article,
            items,
            categories,
        } => {
            // What the shop told us of it goes before what a page says of it.
            let told = catalogue::article(db, article)?;
            let (items, categories) = told
                .as_ref()
                .map_or((items, categories), |row| (&row.items, &row.categories));
            for item in items {
                pen.did(who, item, Did::Read, at_ms, None)?;
            }
            for category in categories {
                pen.looked_at(who, category, at_ms)?;
            }
        }
        Deed::Identify | Deed::Order { .. } => {}
    }
    Ok(())
}

fn order(
    db: &rusqlite::Connection,
    now_ms: u64,
    source: &str,
    customer: CustomerId,
    consent: Consent,
    event: &Event,
) -> Result<(), StoreError> {
    let Deed::Order {
        state,
        order,
        lines,
        total_minor,
        currency,
    } = &event.deed
    else {
        return Ok(());
    };
    let row = ReceiptRow {
        receipt: format!("{source}/{order}"),
        customer,
        store: None,
        at_ms: (*state == receipts::State::Bought).then_some(event.at_ms),
        total_minor: *total_minor,
        currency: currency.clone(),
        state: *state,
        lines: lines.clone(),
    };
    receipts::put(db, now_ms, &row, event.at_ms, consent).map(|_| ())
}

#[cfg(test)]
mod tests;
