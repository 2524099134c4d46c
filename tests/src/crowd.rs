//! People whose advertisements can be told apart in the database, one by one.
//!
//! In: a server's API, the air, a rate. Out: advertisements on the air, and a book of all of them.
//! Each advertisement is another radio's than the ones around it, so that it is a first sight and
//! travels as a sighting of its own. When all radios had their turn they begin again, longer after
//! their last turn than a gateway remembers, and with another strength: radio and strength name
//! one advertisement.
//! Promises: an advertisement stands in the book before it is on the air.
//! Invariant: what is in the book is known from outside: the import's answer, the test's own
//! random keys and clock.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use firmware_sim::{
    air::Air,
    http::Api,
    phone::identity::{Identity, Layout},
    rng::Seed,
};
use protocol::{AnchorId, Eid, EidKey, RadioId, air::encode, eid::ROTATION_EXPONENT, sim::AirLine};
use serde::Deserialize;
use serde_json::json;
use tokio::task::JoinHandle;

/// Customers of one import call at most.
const IMPORT_MAX: usize = 1_000;
/// The strength of the first turn; each turn is 1 dB weaker.
const STRONGEST_DBM: i8 = -40;
/// Turns that strengths suffice for.
const TURNS_MAX: usize = 80;
/// A gateway takes a radio for a new one after 10 s of silence; a slow machine needs room.
const TURN_MIN: Duration = Duration::from_secs(20);
/// How often the air is given what is due.
const STEP: Duration = Duration::from_millis(10);

/// A customer with one radio.
#[derive(Debug, Clone)]
pub struct Person {
    /// As the import answered.
    pub radio: RadioId,
    /// What her radio advertises.
    pub identity: Identity,
}

impl Person {
    /// What her radio sends now, as it is heard.
    pub fn says(&self, rssi_dbm: i8, now_ms: u64) -> AirLine {
        AirLine {
            address: address(self.identity.eid(now_ms)),
            rssi_dbm,
            ad_hex: hex::encode(encode(&self.identity.frame(Layout::Welkom, now_ms))),
        }
    }
}

#[derive(Deserialize)]
struct Imported {
    customers: Vec<ImportedRadio>,
}

#[derive(Deserialize)]
struct ImportedRadio {
    radio: RadioId,
}

/// Makes customers who agreed to be seen.
pub async fn import(api: &Api, people: usize) -> anyhow::Result<Vec<Person>> {
    let identities: Vec<Identity> = (0..people).map(identity).collect();
    let mut made = Vec::with_capacity(people);
    for (chunk, identities) in identities.chunks(IMPORT_MAX).enumerate() {
        let customers: Vec<_> = identities
            .iter()
            .enumerate()
            .map(|(place, identity)| {
                json!({
                    "customer": {
                        "external_id": format!("crowd-{}", chunk * IMPORT_MAX + place),
                        "given_name": "Eva", "family_name": "De Vries", "salutation": null,
                        "language": "nl",
                    },
                    "consent": {"arrival": false, "messages": true, "browsing": false, "statistics": true},
                    "device": {
                        "eid_key_hex": hex::encode(identity.key.0),
                        "clock_offset_s": identity.clock_offset_s,
                    },
                })
            })
            .collect();
        let body = json!({ "customers": customers });
        let imported: Imported = api.post("/v1/customers/import", &body).await?;
        let radios = imported.customers.into_iter().map(|c| c.radio);
        made.extend(
            radios
                .zip(identities.iter().cloned())
                .map(|(radio, identity)| Person { radio, identity }),
        );
    }
    anyhow::ensure!(made.len() == people, "the import left people out");
    Ok(made)
}

fn identity(index: usize) -> Identity {
    let seed = Seed(9);
    let index = index as u64;
    let [a, b, c, d, ..] = seed.bytes16("crowd-offset", index);
    Identity {
        key: EidKey(seed.bytes16("crowd-key", index)),
        clock_offset_s: u32::from_le_bytes([a, b, c, d]),
        rotation_exponent: ROTATION_EXPONENT,
    }
}

/// One advertisement that went on the air.
#[derive(Debug, Clone)]
pub struct Advert {
    /// At which antenna.
    pub anchor: AnchorId,
    /// Whose radio.
    pub radio: RadioId,
    /// What it said.
    pub eid: Eid,
    /// How strong: with the radio, its name.
    pub rssi_dbm: i8,
    /// When.
    pub sent: Instant,
}

#[derive(Default)]
struct Book {
    adverts: Vec<Advert>,
    /// Nothing goes on the air any more: it could not stand in the book.
    closed: bool,
}

/// Puts advertisements on the air until it is stopped or dropped.
pub struct Load {
    book: Arc<Mutex<Book>>,
    per_s: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Load {
    /// Begins. `anchors` are served in turn.
    pub fn start(
        air: Arc<dyn Air>,
        anchors: Vec<AnchorId>,
        people: Arc<Vec<Person>>,
        per_s: u64,
    ) -> Self {
        let book = Arc::<Mutex<Book>>::default();
        let per_s = Arc::new(AtomicU64::new(per_s));
        let task = tokio::spawn(run(air, anchors, people, book.clone(), per_s.clone()));
        Self { book, per_s, task }
    }

    /// How many people a load needs to be told apart.
    pub fn people_for(per_s: u64) -> usize {
        usize::try_from(per_s * TURN_MIN.as_secs()).unwrap_or(usize::MAX)
    }

    /// Advertisements so far.
    pub fn sent(&self) -> usize {
        lock(&self.book).adverts.len()
    }

    /// Changes the rate; 0 is silence.
    pub fn set_rate(&self, per_s: u64) {
        self.per_s.store(per_s, Ordering::Relaxed);
    }

    /// Waits until this many more are on the air.
    pub async fn more(&self, adverts: usize) -> anyhow::Result<()> {
        let target = self.sent() + adverts;
        let what = format!("{adverts} more advertisements");
        demo::stack::until(&what, async || {
            anyhow::ensure!(!self.task.is_finished(), "the load has ended by itself");
            Ok(self.sent() >= target)
        })
        .await
    }

    /// The book so far.
    pub fn so_far(&self) -> Vec<Advert> {
        lock(&self.book).adverts.clone()
    }

    /// Ends it and returns the book.
    pub fn stop(self) -> Vec<Advert> {
        self.task.abort();
        let mut book = lock(&self.book);
        book.closed = true;
        std::mem::take(&mut book.adverts)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock(book: &Mutex<Book>) -> MutexGuard<'_, Book> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn run(
    air: Arc<dyn Air>,
    anchors: Vec<AnchorId>,
    people: Arc<Vec<Person>>,
    book: Arc<Mutex<Book>>,
    per_s: Arc<AtomicU64>,
) {
    let mut every = tokio::time::interval(STEP);
    let mut due_thousandths = 0;
    let mut before = Instant::now();
    let mut turns_began = HashMap::new();
    let mut number = 0usize;
    loop {
        every.tick().await;
        let now = Instant::now();
        // After a pause of this process the rest is let go: the rate is a bound, not a debt.
        let passed = (now - before).min(Duration::from_millis(200));
        before = now;
        due_thousandths +=
            per_s.load(Ordering::Relaxed) * u64::try_from(passed.as_millis()).unwrap_or(0);
        while due_thousandths >= 1_000 {
            due_thousandths -= 1_000;
            let (turn, place) = (number / people.len(), number % people.len());
            let began = *turns_began.entry(turn).or_insert(now);
            let before_that = turn.checked_sub(1).and_then(|t| turns_began.get(&t));
            let too_soon = before_that.is_some_and(|at| began - *at < TURN_MIN);
            let Some(rssi_dbm) = strength(turn).filter(|_| !too_soon) else {
                // Two advertisements could not be told apart any more: the test sees a load that
                // has ended.
                return;
            };
            let anchor = &anchors[number % anchors.len()];
            put(&*air, &book, anchor, &people[place], rssi_dbm);
            number += 1;
        }
    }
}

fn strength(turn: usize) -> Option<i8> {
    let weaker = i8::try_from(turn).ok().filter(|_| turn < TURNS_MAX)?;
    STRONGEST_DBM.checked_sub(weaker)
}

/// An address of its own for each identity, as Android does it.
fn address(eid: Eid) -> String {
    let [first, rest @ ..] = eid.0;
    let rest = rest[..5].iter().map(|byte| format!(":{byte:02x}"));
    rest.fold(format!("{:02x}", first | 0xc0), |all, next| all + &next)
}

fn put(air: &dyn Air, book: &Mutex<Book>, anchor: &AnchorId, person: &Person, rssi_dbm: i8) {
    let now_ms = server::clock::now_ms();
    let advert = Advert {
        anchor: anchor.clone(),
        radio: person.radio,
        eid: person.identity.eid(now_ms),
        rssi_dbm,
        sent: Instant::now(),
    };
    let line = person.says(rssi_dbm, now_ms);
    let number = {
        let mut book = lock(book);
        if book.closed {
            return;
        }
        book.adverts.push(advert);
        book.adverts.len() as u64 - 1
    };
    air.deliver(anchor, &line, Some(number));
}
