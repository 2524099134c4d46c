//! What one transaction works on: engines, their logs, and what is known of people.
//!
//! In: works, inside a transaction. Out: rows, and an [`After`] to be told once they are on disk.
//! Invariant: whatever is cached here can be read back from the database at any time.

mod heard_in;
mod walking;

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use engine::{
    Input, Observation, Outcome, StoreEngine, StoreMap,
    input::{Consent, DeskNews},
    outcome::{Question, VisitChange},
};
use protocol::{AnchorId, BootId, CustomerId, GatewayId, Ranges, StoreId};
use rusqlite::Connection;

use self::heard_in::HeardIn;
use super::{BatchWork, Committed, facts};
use crate::store::{
    self, StoreError, log,
    outcome::CardChanged,
    people::{self, ConsentSince, RadioRow},
    retention,
    shop::AnchorKind,
    walk,
};

/// Sightings older than this are history: they never feed the live belief.
const LATE_AFTER_MS: u64 = 30_000;
/// Nobody leaves in the first moments after a start: what the gateways kept must come in first.
const HOLD_AFTER_START_MS: u64 = 15_000;
/// A sighting as young as this shows that its gateway listens; an older one may have waited in the
/// broker for longer than its gateway lived.
const FRESH_MS: u64 = 5_000;
/// How often rows whose time is over are taken away while nothing else comes in.
const TIDY_MS: u64 = 60_000;
/// People whose consent is kept at hand; past it the memory is cleared and read again.
const PEOPLE_MAX: usize = 200_000;
/// Boots whose applied ranges are kept at hand.
const BOOTS_MAX: usize = 10_000;

type BootKey = (StoreId, GatewayId, BootId);

pub(super) struct Core {
    started_ms: u64,
    /// Whether engines were told that nobody was heard while the server was down.
    began: bool,
    snapshot_ms: u64,
    /// When short-lived rows were last taken away.
    tidied_ms: u64,
    /// How far the walk of `retention` is.
    tidied_to: Option<CustomerId>,
    last_ms: u64,
    /// This machine stands in a store and has its desk: what happens there is written down for the
    /// central server, and phones are told from there.
    at_home: bool,
    stores: HashMap<StoreId, StoreCore>,
    people: HashMap<CustomerId, Person>,
    /// Those of `people` that were read during the current job: gone if it is rolled back.
    people_of_job: Vec<CustomerId>,
    applied: HashMap<BootKey, Ranges>,
    /// Where and when each radio was last heard.
    heard_in: HeardIn,
}

struct StoreCore {
    engine: StoreEngine,
    seq: u64,
    epoch: u64,
    /// Which gateway each antenna belongs to.
    antennas: HashMap<AnchorId, GatewayId>,
    /// Whose radio a calibration walk follows, and since when.
    walker: Option<(CustomerId, u64)>,
    snapshot_seq: u64,
    snapshot_at_ms: u64,
}

#[derive(Clone)]
struct Person {
    consent: ConsentSince,
    open_order_stores: Vec<StoreId>,
}

/// What is told once the transaction is on the disk.
#[derive(Default)]
pub(super) struct After {
    pub(super) cards: Vec<CardChanged>,
    /// Whose orders or card changed.
    pub(super) pickups: BTreeSet<CustomerId>,
    pub(super) committed: Vec<Committed>,
    /// Stores whose anchors or gateways changed.
    pub(super) layouts: BTreeSet<StoreId>,
    pub(super) radios: Vec<RadioRow>,
    pub(super) forgotten: Vec<CustomerId>,
    pub(super) deliveries: bool,
    pub(super) tally: Tally,
    /// Something was erased: it must leave the write-ahead log too.
    pub(super) erased: bool,
    /// Something happened at the desk that the central server must hear of.
    pub(super) journal: bool,
}

/// What a transaction adds to the counts of the same names; one that is rolled back adds nothing.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) batches_applied: usize,
    pub(super) sightings_applied: usize,
    pub(super) batches_again: usize,
    pub(super) no_consent: usize,
    pub(super) wrong_anchor: usize,
    pub(super) late: usize,
    pub(super) in_two_stores: usize,
}

/// One transaction.
pub struct Txn<'a> {
    /// The connection, inside the transaction. For named writes of `store`.
    pub db: &'a Connection,
    /// The server's time of this transaction.
    pub now_ms: u64,
    core: &'a mut Core,
    after: After,
    /// Stores that the current job has fed, and how much it had to tell before it began.
    fed: HashSet<StoreId>,
    dirty_boots: HashMap<BootKey, (Ranges, Vec<u64>)>,
}

impl Core {
    pub(super) fn new(now_ms: u64, snapshot_ms: u64) -> Self {
        Self {
            started_ms: now_ms,
            began: false,
            snapshot_ms,
            tidied_ms: 0,
            tidied_to: None,
            last_ms: 0,
            at_home: false,
            stores: HashMap::new(),
            people: HashMap::new(),
            people_of_job: Vec::new(),
            applied: HashMap::new(),
            heard_in: HeardIn::default(),
        }
    }

    /// Forgets everything that can be read again: the last transaction did not happen.
    pub(super) fn read_back(&mut self) {
        self.stores.clear();
        self.people.clear();
        self.people_of_job.clear();
        self.applied.clear();
        self.heard_in.clear();
    }

    fn store(&mut self, db: &Connection, id: &StoreId) -> Result<&mut StoreCore, StoreError> {
        if !self.stores.contains_key(id) {
            let loaded = StoreCore::load(db, id, self.last_ms)?;
            self.stores.insert(id.clone(), loaded);
        }
        self.stores.get_mut(id).ok_or(StoreError::NotFound("store"))
    }

    /// Reads at once what would be read person by person in the first seconds of a busy day: with
    /// 20,000 people in the stores that was a stall of a second and more.
    pub(super) fn warm(&mut self, db: &Connection) -> Result<(), StoreError> {
        self.at_home = store::home::line(db)?.is_some();
        for (id, consent) in people::all_consents(db)?.into_iter().take(PEOPLE_MAX) {
            let open_order_stores = Vec::new();
            self.people.insert(
                id,
                Person {
                    consent,
                    open_order_stores,
                },
            );
        }
        for (id, store) in store::orders::all_open(db)? {
            if let Some(person) = self.people.get_mut(&id) {
                person.open_order_stores.push(store);
            }
        }
        Ok(())
    }

    fn person(&mut self, db: &Connection, id: CustomerId) -> Result<&Person, StoreError> {
        if !self.people.contains_key(&id) {
            if self.people.len() >= PEOPLE_MAX {
                self.people.clear();
            }
            let person = Person {
                consent: people::consent_since(db, id)?,
                open_order_stores: store::orders::open_order_stores(db, id)?,
            };
            self.people.insert(id, person);
            self.people_of_job.push(id);
        }
        self.people.get(&id).ok_or(StoreError::NotFound("customer"))
    }

    fn applied(&mut self, db: &Connection, key: &BootKey) -> Result<&mut Ranges, StoreError> {
        if !self.applied.contains_key(key) {
            if self.applied.len() >= BOOTS_MAX {
                self.applied.clear();
            }
            let ranges = log::applied(db, &key.0, &key.1, key.2)?;
            self.applied.insert(key.clone(), ranges);
        }
        self.applied
            .get_mut(key)
            .ok_or(StoreError::NotFound("boot"))
    }
}

impl StoreCore {
    /// The newest snapshot and the log since.
    fn load(db: &Connection, store: &StoreId, now_ms: u64) -> Result<Self, StoreError> {
        let epoch = log::epoch(db, store)?;
        let (snapshot_seq, mut engine) = match log::newest_snapshot(db, store)? {
            Some((seq, state)) => {
                let engine = serde_json::from_slice(&state)
                    .map_err(|e| StoreError::Damaged(format!("snapshot {seq}: {e}")))?;
                (seq, engine)
            }
            None => (0, StoreEngine::new(store.clone())),
        };
        log::replay(db, store, snapshot_seq, |_, at_ms, input| {
            engine.step(at_ms, input);
        })?;
        Ok(Self {
            engine,
            seq: log::last_seq(db, store)?,
            epoch,
            antennas: antennas(db, store)?,
            walker: walk::walker(db, store)?,
            snapshot_seq,
            snapshot_at_ms: now_ms,
        })
    }
}

fn antennas(db: &Connection, store: &StoreId) -> Result<HashMap<AnchorId, GatewayId>, StoreError> {
    let rows = store::shop::anchors(db, store)?;
    Ok(rows
        .into_iter()
        .filter_map(|row| match row.kind {
            AnchorKind::Gateway(gateway) => Some((row.anchor, gateway)),
            AnchorKind::Beacon(_) => None,
        })
        .collect())
}

impl<'a> Txn<'a> {
    pub(super) fn new(db: &'a Connection, core: &'a mut Core, now_ms: u64) -> Self {
        // The log's time never runs backwards, whatever the machine's clock does.
        core.last_ms = core.last_ms.max(now_ms);
        Self {
            db,
            now_ms: core.last_ms,
            core,
            after: After::default(),
            fed: HashSet::new(),
            dirty_boots: HashMap::new(),
        }
    }

    /// Tells the engine of a store: writes the input, then what follows from it, then the answers
    /// to what the engine asks. Returns the outcome of `input` itself.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "each caller makes it on the spot"
    )]
    pub fn feed(&mut self, store: &StoreId, input: Input) -> Result<Outcome, StoreError> {
        self.fed.insert(store.clone());
        let mut first = self.step(store, &input)?;
        // Facts are read when it is their turn: they know of the message before.
        let mut waiting: VecDeque<Question> = std::mem::take(&mut first.questions).into();
        while let Some(question) = waiting.pop_front() {
            let answer = self.answer(store, question)?;
            waiting.extend(self.step(store, &answer)?.questions);
        }
        Ok(first)
    }

    fn step(&mut self, store: &StoreId, input: &Input) -> Result<Outcome, StoreError> {
        let (db, now_ms) = (self.db, self.now_ms);
        let core = self.core.store(db, store)?;
        core.seq += 1;
        log::append(db, store, core.seq, now_ms, input)?;
        if let (Some((walker, _)), Input::Sightings { sightings }) = (core.walker, input) {
            walk::hear(db, store, walker, sightings)?;
        }
        let outcome = core.engine.step(now_ms, input);
        let at_home = self.core.at_home;
        if at_home && !matches!(input, Input::Desk(_)) {
            self.write_down(&outcome)?;
        }
        let cards = store::outcome::write(db, store, now_ms, &outcome, !at_home)?;
        self.after.cards.extend(cards);
        let whose = outcome.cards.iter().map(|card| card.customer);
        self.after.pickups.extend(whose);
        // Her page says where she is, and what her visit earned her.
        let came = outcome.visits.iter().filter_map(|change| match change {
            VisitChange::Entered { customer, .. } => Some(*customer),
            _ => None,
        });
        self.after.pickups.extend(came);
        self.after.deliveries |= !outcome.deliveries.is_empty();
        for order in outcome.completed.iter().chain(&outcome.cancelled) {
            // Her consent for arrival may end with it.
            let customer = store::orders::order(db, *order)?.customer;
            self.core.people.remove(&customer);
            // Her page asks how it was.
            self.after.pickups.insert(customer);
        }
        Ok(outcome)
    }

    /// What happened at the desk goes into the journal for the central server.
    fn write_down(&mut self, outcome: &Outcome) -> Result<(), StoreError> {
        let news = outcome.at_desk();
        if news.is_empty() {
            return Ok(());
        }
        self.after.journal = true;
        store::home::note(self.db, self.now_ms, &news)
    }

    /// This machine has the desk of its store from now on.
    pub fn has_desk(&mut self) {
        self.core.at_home = true;
    }

    /// All that is on a store's desk.
    pub fn on_desk(&mut self, store: &StoreId) -> Result<DeskNews, StoreError> {
        Ok(self.core.store(self.db, store)?.engine.on_desk())
    }

    fn answer(&mut self, store: &StoreId, question: Question) -> Result<Input, StoreError> {
        match question {
            Question::Match {
                customer,
                visit,
                moment,
                capped,
                told_since_ms,
            } => {
                let consent = people::switches(&self.core.person(self.db, customer)?.consent);
                let asked = facts::Asked {
                    customer,
                    visit,
                    moment,
                    capped,
                    told_since_ms,
                };
                facts::for_match(self.db, self.now_ms, store, asked, consent)
            }
            Question::History { customer, late } => {
                facts::for_history(self.db, store, customer, late)
            }
        }
    }

    /// Applies a batch, unless it was applied before. Either way it will be acknowledged.
    pub(super) fn apply_batch(&mut self, batch: &BatchWork) -> Result<(), StoreError> {
        let key = (batch.store.clone(), batch.gateway.clone(), batch.boot);
        let dirty = self.dirty_boots.entry(key.clone()).or_default();
        dirty.0.insert(batch.seq);
        dirty.1.push(batch.token);
        if !self.core.applied(self.db, &key)?.insert(batch.seq) {
            self.after.tally.batches_again += 1;
            return Ok(());
        }
        let fresh = |heard: &super::Heard| heard.heard_last_ms + FRESH_MS >= self.now_ms;
        if batch.heard.iter().any(fresh) {
            self.listens(&batch.store, &batch.gateway, true)?;
        }
        let sightings = self.observations(batch)?;
        self.after.tally.batches_applied += 1;
        self.after.tally.sightings_applied += sightings.len();
        if !sightings.is_empty() {
            self.hear(&batch.store, sightings)?;
            self.finish_job();
        }
        Ok(())
    }

    /// Feeds what radios told; who is heard in two stores at once is doubted in both.
    pub fn hear(&mut self, store: &StoreId, sightings: Vec<Observation>) -> Result<(), StoreError> {
        let mut doubted = Vec::new();
        for seen in sightings.iter().filter(|seen| !seen.late) {
            if let Some(other) = self.core.heard_in.elsewhere(seen, store) {
                doubted.extend([(store.clone(), seen.customer), (other, seen.customer)]);
            }
        }
        self.feed(store, Input::Sightings { sightings })?;
        for (store, customer) in doubted {
            let engine = &self.core.store(self.db, &store)?.engine;
            if engine.knows(customer) && !engine.doubts(customer) {
                self.after.tally.in_two_stores += 1;
                self.feed(&store, Input::InTwoStores { customer })?;
            }
        }
        Ok(())
    }

    /// What of a batch may be written at all: known antenna, and consent, then and now.
    fn observations(&mut self, batch: &BatchWork) -> Result<Vec<Observation>, StoreError> {
        let (db, now_ms) = (self.db, self.now_ms);
        let mut kept = Vec::with_capacity(batch.heard.len());
        for heard in &batch.heard {
            let antennas = &self.core.store(db, &batch.store)?.antennas;
            if antennas.get(&heard.anchor) != Some(&batch.gateway) {
                self.after.tally.wrong_anchor += 1;
                continue;
            }
            let person = self.core.person(db, heard.who.customer)?;
            let consent = people::switches_at(&person.consent, heard.heard_last_ms);
            if !consent.allows_visit(person.open_order_stores.contains(&batch.store)) {
                self.after.tally.no_consent += 1;
                continue;
            }
            // A gateway's clock anchor may run ahead by its error; nothing was heard in the future.
            let heard_last_ms = heard.heard_last_ms.min(now_ms);
            let late = heard_last_ms + LATE_AFTER_MS < now_ms;
            self.after.tally.late += usize::from(late);
            kept.push(Observation {
                customer: heard.who.customer,
                radio: heard.who.radio,
                anchor: heard.anchor.clone(),
                heard_first_ms: heard.heard_first_ms.min(heard_last_ms),
                heard_last_ms,
                count: heard.count,
                rssi_dbm: heard.rssi_dbm,
                certain: false,
                late,
                consent,
            });
        }
        Ok(kept)
    }

    /// Her switches, and whether she has something open here.
    pub fn consent_of(
        &mut self,
        customer: CustomerId,
        store: &StoreId,
    ) -> Result<(Consent, bool), StoreError> {
        let person = self.core.person(self.db, customer)?;
        Ok((
            people::switches(&person.consent),
            person.open_order_stores.contains(store),
        ))
    }

    /// Her switches.
    pub fn switches(&mut self, customer: CustomerId) -> Result<Consent, StoreError> {
        let person = self.core.person(self.db, customer)?;
        Ok(people::switches(&person.consent))
    }

    /// Reads a new customer's switches while her rows are at hand, so that her first sighting waits
    /// for nothing.
    pub fn get_to_know(&mut self, customer: CustomerId) -> Result<(), StoreError> {
        self.core.person(self.db, customer).map(|_| ())
    }

    /// Her consent or orders changed: every store that may follow her is told.
    pub fn consent_changed(&mut self, customer: CustomerId) -> Result<(), StoreError> {
        self.core.people.remove(&customer);
        let consent = people::switches(&self.core.person(self.db, customer)?.consent);
        for store in store::shop::store_ids(self.db)? {
            if self.core.store(self.db, &store)?.engine.knows(customer) {
                self.feed(&store, Input::Consent { customer, consent })?;
            }
            let (_, open_order) = self.consent_of(customer, &store)?;
            if !consent.allows_visit(open_order) {
                self.forget_walk(&store, customer)?;
            }
        }
        Ok(())
    }

    /// An order is new or has changed.
    pub fn order_changed(&mut self, order: &store::orders::OrderRow) -> Result<(), StoreError> {
        self.core.people.remove(&order.customer);
        self.after.pickups.insert(order.customer);
        self.feed(&order.store, Input::Order(order.for_engine()))?;
        Ok(())
    }

    /// Zones, anchors or rules of a store changed.
    pub fn layout_changed(&mut self, store: &StoreId) -> Result<(), StoreError> {
        let layout = store::plan::layout(self.db, store)?;
        self.core.store(self.db, store)?.antennas = antennas(self.db, store)?;
        self.feed(store, Input::Layout(layout))?;
        self.run_campaigns(store)?;
        self.gateways_changed(store);
        Ok(())
    }

    /// The store at a glance.
    pub fn map(&mut self, store: &StoreId) -> Result<StoreMap, StoreError> {
        Ok(self.core.store(self.db, store)?.engine.map())
    }

    /// A gateway listens, or does not: while it does not, its silence is no sign that anybody left.
    pub fn listens(
        &mut self,
        store: &StoreId,
        gateway: &GatewayId,
        listens: bool,
    ) -> Result<(), StoreError> {
        let core = self.core.store(self.db, store)?;
        let own = core.antennas.iter().filter(|(_, of)| *of == gateway);
        let own: BTreeSet<&AnchorId> = own.map(|(anchor, _)| anchor).collect();
        let deaf = core.engine.deaf();
        if own.iter().all(|anchor| deaf.contains(anchor) != listens) {
            return Ok(());
        }
        let others = deaf.iter().filter(|anchor| !own.contains(anchor));
        let silent = own.iter().copied().filter(|_| !listens);
        let mut anchors: Vec<AnchorId> = others.chain(silent).cloned().collect();
        anchors.sort_unstable();
        self.feed(store, Input::Deaf { anchors })?;
        Ok(())
    }

    /// Nobody hears gateways now: each listens again once it has said so.
    pub fn hears_nobody(&mut self) -> Result<(), StoreError> {
        for store in store::shop::store_ids(self.db)? {
            self.hears_nobody_in(&store)?;
        }
        Ok(())
    }

    fn hears_nobody_in(&mut self, store: &StoreId) -> Result<(), StoreError> {
        let core = self.core.store(self.db, store)?;
        let mut anchors: Vec<AnchorId> = core.antennas.keys().cloned().collect();
        anchors.sort_unstable();
        if core.engine.deaf() != anchors {
            self.feed(store, Input::Deaf { anchors })?;
        }
        Ok(())
    }

    /// A gateway is new: it must be told which beacons hang in the store.
    pub fn gateways_changed(&mut self, store: &StoreId) {
        self.after.layouts.insert(store.clone());
    }

    /// A radio is new, or valid for another time.
    pub fn radios_changed(&mut self, radios: Vec<RadioRow>) {
        self.after.radios.extend(radios);
    }

    /// A delivery may be due.
    pub fn deliveries_due(&mut self) {
        self.after.deliveries = true;
    }

    /// Snapshots and log entries that speak of somebody are replaced at once: the engine is written out
    /// anew, and the log before it goes. Twice, since the snapshot before the last is kept too.
    pub fn purge_log(&mut self) -> Result<(), StoreError> {
        self.after.erased = true;
        for store in store::shop::store_ids(self.db)? {
            self.snapshot(&store)?;
            self.snapshot(&store)?;
        }
        Ok(())
    }

    /// Nothing may be known of her any longer.
    pub fn erase(&mut self, customer: CustomerId) -> Result<(), StoreError> {
        self.erase_all(&[customer])
    }

    /// Nothing may be known of these any longer.
    pub fn erase_all(&mut self, customers: &[CustomerId]) -> Result<(), StoreError> {
        if customers.is_empty() {
            return Ok(());
        }
        for store in store::shop::store_ids(self.db)? {
            for &customer in customers {
                self.forget_walk(&store, customer)?;
                self.feed(&store, Input::Forget { customer })?;
            }
        }
        self.purge_log()?;
        for &customer in customers {
            people::erase_customer(self.db, customer)?;
            self.core.people.remove(&customer);
            self.after.forgotten.push(customer);
        }
        Ok(())
    }

    /// Once after the start: while the server was down it heard nobody.
    pub(super) fn begin(&mut self) -> Result<(), StoreError> {
        if !self.core.began {
            self.core.began = true;
            self.hears_nobody()?;
            self.campaigns_changed()?;
        }
        Ok(())
    }

    /// Other campaigns run now: every store that runs others is told.
    pub fn campaigns_changed(&mut self) -> Result<(), StoreError> {
        for store in store::shop::store_ids(self.db)? {
            self.run_campaigns(&store)?;
        }
        Ok(())
    }

    fn run_campaigns(&mut self, store: &StoreId) -> Result<(), StoreError> {
        let campaigns = store::campaigns::published_in(self.db, store)?;
        if self.core.store(self.db, store)?.engine.campaigns() != campaigns {
            self.feed(store, Input::Campaigns { campaigns })?;
        }
        Ok(())
    }

    /// Lets engines notice that time passed, and writes snapshots that are due.
    pub(super) fn tick(&mut self) -> Result<(), StoreError> {
        self.begin()?;
        if self.now_ms < self.core.started_ms + HOLD_AFTER_START_MS {
            return Ok(());
        }
        // A line that is cut is no sign that anybody left: their gateways speak through it.
        for store in store::homes::silent(self.db, self.now_ms)? {
            self.hears_nobody_in(&store)?;
        }
        for store in store::shop::store_ids(self.db)? {
            let now_ms = self.now_ms;
            let snapshot_ms = self.core.snapshot_ms;
            let core = self.core.store(self.db, &store)?;
            let due = core.engine.due_at().is_some_and(|due_ms| due_ms <= now_ms);
            let old = now_ms.saturating_sub(core.snapshot_at_ms) >= snapshot_ms;
            let snapshot = old && core.seq > core.snapshot_seq;
            if due {
                self.feed(&store, Input::Tick)?;
            }
            if snapshot {
                self.snapshot(&store)?;
            }
            self.forget_stale_walk(&store)?;
        }
        if self.now_ms >= self.core.tidied_ms + TIDY_MS {
            self.core.tidied_ms = self.now_ms;
            store::intents::tidy(self.db, self.now_ms)?;
            store::homes::tidy(self.db, self.now_ms)?;
            store::loyalty::tidy(self.db, self.now_ms)?;
            store::waits::tidy(self.db, self.now_ms)?;
            let (db, now_ms, from) = (self.db, self.now_ms, self.core.tidied_to);
            self.core.tidied_to = retention::step(db, now_ms, from, retention::STEP_MAX)?;
            retention::closed(db, now_ms, retention::STEP_MAX)?;
        }
        self.finish_job();
        Ok(())
    }

    fn snapshot(&mut self, store: &StoreId) -> Result<(), StoreError> {
        let (db, now_ms) = (self.db, self.now_ms);
        let core = self.core.store(db, store)?;
        if core.snapshot_seq == core.seq {
            // Two snapshots of one place in the log would be one row: move on by a tick.
            self.feed(store, Input::Tick)?;
        }
        let core = self.core.store(db, store)?;
        let state =
            serde_json::to_vec(&core.engine).map_err(|e| StoreError::Damaged(e.to_string()))?;
        log::put_snapshot(db, store, core.seq, now_ms, &state)?;
        core.snapshot_seq = core.seq;
        core.snapshot_at_ms = now_ms;
        Ok(())
    }

    /// Counts a batch as applied without applying it.
    pub(super) fn set_aside(&mut self, batch: &BatchWork, why: &str) -> Result<(), StoreError> {
        let key = (batch.store.clone(), batch.gateway.clone(), batch.boot);
        let dirty = self.dirty_boots.entry(key.clone()).or_default();
        dirty.0.insert(batch.seq);
        dirty.1.push(batch.token);
        self.core.applied(self.db, &key)?.insert(batch.seq);
        let gateway = batch.gateway.as_str();
        log::set_aside(
            self.db,
            self.now_ms,
            &batch.store,
            gateway,
            why,
            batch.len_bytes,
        )
    }

    /// Runs work of which nobody is told.
    pub(super) fn untold<T>(&mut self, run: impl FnOnce(&mut Self) -> T) -> T {
        let told = std::mem::take(&mut self.after);
        let result = run(self);
        self.after = told;
        result
    }

    /// The current job is whole.
    pub(super) fn finish_job(&mut self) {
        self.fed.clear();
        self.core.people_of_job.clear();
    }

    /// The current job was rolled back: engines that it had fed are read back from the log.
    pub(super) fn forget_unfinished(&mut self) {
        for store in self.fed.drain() {
            self.core.stores.remove(&store);
        }
        for customer in self.core.people_of_job.drain(..) {
            self.core.people.remove(&customer);
        }
    }

    /// Last writes of the transaction: what was applied, under whose epoch.
    pub(super) fn finish(mut self) -> Result<After, StoreError> {
        for (key, (applied, tokens)) in std::mem::take(&mut self.dirty_boots) {
            let ranges = self.core.applied(self.db, &key)?.clone();
            log::put_applied(self.db, &key.0, &key.1, key.2, &ranges)?;
            let (store, gateway, boot) = key;
            self.after.committed.push(Committed {
                store,
                gateway,
                boot,
                applied,
                tokens,
            });
        }
        for (id, core) in &self.core.stores {
            if log::epoch(self.db, id)? != core.epoch {
                return Err(StoreError::Fenced(id.to_string()));
            }
        }
        Ok(self.after)
    }
}
