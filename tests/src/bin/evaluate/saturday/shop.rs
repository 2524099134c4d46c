//! The system under test: the server's own writer on a real file, in virtual time.
//!
//! In: what gateways send, colleagues' taps, customers' marks, each with its moment. Out: cards as a
//! board reads them, answers to taps, and at the end rows and figures.
//! Invariant: nothing here decides anything; identities are resolved, inputs written and figures
//! counted by the server's code.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::Range,
    path::Path,
    sync::Arc,
};

use anyhow::{Context, bail};
use engine::{
    Input, Observation,
    input::{Area, OrderKind, OrderState, Place, Tap, TapAction},
    outcome::TapAnswer,
};
use firmware_sim::plan::{ENTRANCE, Plan, Point};
use protocol::{
    AnchorId, BootId, CardId, CustomerId, DeviceId, GatewayId, OrderId, RadioId, StaffId, StoreId,
    message::Sighting,
};
use rusqlite::Connection;
use server::{
    api,
    fleet::Fleet,
    home::Says,
    identity::Identity,
    live::Live,
    pipeline::{BatchWork, Committed, Counts, Heard, Outlets, Stepper},
    store::{
        self, StoreError, access, board,
        board::CardRow,
        homes,
        orders::OrderRow,
        outcome::CardChanged,
        people::{self, RadioRow},
        plan as plans,
        shop::{self, AnchorKind, AnchorRow, Names, StoreRow},
        waits::{self, Rated},
    },
};
use tokio::sync::{
    Notify, broadcast,
    broadcast::error::TryRecvError,
    mpsc::{self, UnboundedReceiver},
};

use super::{
    Args, ZERO_MS, air,
    home::{Home, Kept},
    people::Person,
};
use crate::antennas;

/// As in the server's own settings.
pub(crate) const SNAPSHOT_MS: u64 = 300_000;

pub(crate) struct Shop {
    stepper: Stepper,
    reader: Connection,
    identity: Arc<Identity>,
    cards: broadcast::Receiver<CardChanged>,
    committed: UnboundedReceiver<Committed>,
    store: StoreId,
    boot: BootId,
    /// The last number that each gateway gave a batch.
    seqs: BTreeMap<GatewayId, u64>,
    counts: Arc<Counts>,
    /// The machine in the store that has the desk, if there is one.
    home: Option<Home>,
}

/// An alert, as the outbox has it; where a machine in the store has the desk, as its board has it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Alert {
    pub(crate) customer: CustomerId,
    pub(crate) at_ms: u64,
}

/// Whose number of the crowd this is.
pub(crate) fn customer(who: usize) -> CustomerId {
    CustomerId::at(ZERO_MS, padded(1, who))
}

/// What she says at the desk.
pub(crate) fn code(who: usize) -> String {
    format!("{:04}", (who * 7_919 + 1_234) % 10_000)
}

pub(crate) fn colleague(n: usize) -> StaffId {
    StaffId::at(ZERO_MS, padded(2, n))
}

fn padded(kind: u8, number: usize) -> [u8; 10] {
    let mut bytes = [kind; 10];
    bytes[2..].copy_from_slice(&(number as u64).to_be_bytes());
    bytes
}

impl Shop {
    /// A store with its plan, everybody's consent, phone and order, and the colleagues.
    pub(crate) fn open(
        path: &Path,
        args: &Args,
        people: &[Person],
        identities: &[air::Identity],
        cut_ms: Option<Range<u64>>,
    ) -> anyhow::Result<Self> {
        let store: StoreId = "kade-9".parse()?;
        let db = store::open_writer(path)?;
        db.execute_batch("BEGIN")?;
        furnish(&db, &store, &antennas::plan(args.antennas))?;
        let certainty = plans::Certainty {
            false_arrivals_permille: args.false_arrivals_permille,
            ..plans::Certainty::default()
        };
        plans::put_certainty(&db, &store, certainty)?;
        for n in 0..args.staff {
            let row = access::StaffRow {
                staff: colleague(n),
                login: format!("collega-{n}"),
                name: format!("Collega {n}"),
                role: access::StaffRole::Staff,
                store: Some(store.clone()),
                password_hash: String::new(),
            };
            access::put_staff(&db, ZERO_MS, &row)?;
        }
        for (who, identity) in identities.iter().enumerate() {
            enrol(&db, who, *identity)?;
        }
        let orders = people.iter().enumerate().filter_map(|(who, person)| {
            let kind = person.role.order()?;
            Some(order(&store, who, kind))
        });
        let orders: Vec<OrderRow> = orders.collect();
        for row in &orders {
            store::orders::add_order(&db, ZERO_MS, row)?;
        }
        db.execute_batch("COMMIT")?;
        let identity = Arc::new(Identity::load(&people::radios(&db)?, ZERO_MS));
        drop(db);
        let live = Arc::new(Live::default());
        let (say, committed) = mpsc::unbounded_channel();
        let counts = Arc::new(Counts::default());
        let outlets = Outlets {
            live: live.clone(),
            identity: identity.clone(),
            outbox: Arc::new(Notify::new()),
            fleet: Arc::new(Fleet::new(counts.clone()).0),
            journal: Arc::new(Notify::new()),
            committed: say,
            counts: counts.clone(),
        };
        let mut stepper = Stepper::open(path, outlets, SNAPSHOT_MS, ZERO_MS)?;
        let of = store.clone();
        stepper.write(ZERO_MS, move |txn| {
            txn.layout_changed(&of)?;
            orders.iter().try_for_each(|row| txn.order_changed(row))
        })?;
        let reader = store::open_reader(path)?;
        let home = cut_ms
            .map(|cut_ms| {
                let path = path.with_extension("home");
                Home::open(&path, &store, cut_ms, &mut stepper, &reader)
            })
            .transpose()?;
        Ok(Self {
            home,
            stepper,
            reader,
            identity,
            cards: live.follow_cards(),
            committed,
            store,
            boot: BootId::at(ZERO_MS, [9; 10]),
            seqs: BTreeMap::new(),
            counts,
        })
    }

    /// What gateways sent reaches the server, in one transaction.
    pub(crate) fn hear(
        &mut self,
        now_ms: u64,
        sent: Vec<(GatewayId, Vec<Sighting>)>,
    ) -> anyhow::Result<()> {
        let mut numbered: Vec<Kept> = sent
            .into_iter()
            .map(|(gateway, sightings)| {
                let last = self.seqs.entry(gateway.clone()).or_default();
                *last += 1;
                (gateway, *last, sightings)
            })
            .collect();
        if let Some(home) = &mut self.home {
            let used = numbered.iter().cloned();
            let used = used.map(|kept| work(&self.store, self.boot, &home.identity, now_ms, kept));
            let used: Vec<BatchWork> = used.collect();
            anyhow::ensure!(home.stepper.batches(now_ms, used), "the machine stopped");
            if !home.has_line(now_ms) {
                numbered.into_iter().for_each(|kept| home.keep(kept));
                return Ok(());
            }
            numbered.extend(home.backlog());
        }
        self.apply(now_ms, numbered)
    }

    fn apply(&mut self, now_ms: u64, numbered: Vec<Kept>) -> anyhow::Result<()> {
        let works = numbered
            .into_iter()
            .map(|kept| work(&self.store, self.boot, &self.identity, now_ms, kept));
        let works: Vec<BatchWork> = works.collect();
        anyhow::ensure!(self.stepper.batches(now_ms, works), "the writer stopped");
        // Acknowledged batches would leave the spool here.
        while self.committed.try_recv().is_ok() {}
        Ok(())
    }

    pub(crate) fn tick(&mut self, now_ms: u64) -> anyhow::Result<()> {
        anyhow::ensure!(self.stepper.tick(now_ms), "the writer stopped");
        let Some(home) = &mut self.home else {
            return Ok(());
        };
        anyhow::ensure!(home.stepper.tick(now_ms), "the machine stopped");
        home.ask(now_ms, &mut self.stepper, &self.reader)?;
        let backlog = match home.has_line(now_ms) {
            true => home.backlog(),
            false => Vec::new(),
        };
        self.apply(now_ms, backlog)
    }

    /// Cards that changed since the last look, as a board reads them.
    pub(crate) fn changed(&mut self) -> anyhow::Result<Vec<CardRow>> {
        let mut changed: Vec<CardId> = Vec::new();
        let (cards, reader) = match &mut self.home {
            Some(home) => (&mut home.cards, &home.reader),
            None => (&mut self.cards, &self.reader),
        };
        loop {
            match cards.try_recv() {
                Ok(change) if changed.contains(&change.card) => {}
                Ok(change) => changed.push(change.card),
                Err(TryRecvError::Empty) => break,
                Err(error) => bail!("the board missed something: {error}"),
            }
        }
        // Of the central server's own signals nobody reads where the desk is in the store.
        let card = |id| Ok(board::card(reader, &self.store, id)?);
        changed.into_iter().map(card).collect()
    }

    pub(crate) fn tap(
        &mut self,
        now_ms: u64,
        card: CardId,
        staff: usize,
        action: TapAction,
    ) -> anyhow::Result<TapAnswer> {
        let (of, staff) = (self.store.clone(), colleague(staff));
        let tap = Tap {
            card,
            staff,
            action,
        };
        let desk = match &mut self.home {
            Some(home) => &mut home.stepper,
            None => &mut self.stepper,
        };
        let outcome = desk.write(now_ms, move |txn| txn.feed(&of, Input::Tap(tap.clone())))?;
        outcome.tap.context("a tap without an answer")
    }

    /// "Ik ben er", from her page: as the page does, a sighting with certainty under her own id.
    pub(crate) fn say_here(&mut self, now_ms: u64, customer: CustomerId) -> anyhow::Result<()> {
        let of = self.store.clone();
        let anchor: AnchorId = "door".parse()?;
        if self.home.is_some() {
            self.stepper.write(now_ms, move |txn| {
                homes::say(txn.db, txn.now_ms, &of, customer, &Says::Here)
            })?;
            return Ok(());
        }
        Ok(self.stepper.write(now_ms, move |txn| {
            let (consent, _) = txn.consent_of(customer, &of)?;
            let seen = Observation {
                customer,
                radio: RadioId(customer.0),
                anchor: anchor.clone(),
                heard_first_ms: txn.now_ms,
                heard_last_ms: txn.now_ms,
                count: 1,
                rssi_dbm: 0,
                certain: true,
                late: false,
                consent,
            };
            txn.hear(&of, vec![seen])
        })?)
    }

    /// Her mark, from her page; false: she cannot give one now.
    pub(crate) fn rate(
        &mut self,
        now_ms: u64,
        customer: CustomerId,
        card: CardId,
        mark: u8,
    ) -> anyhow::Result<bool> {
        let rated = self.stepper.write(now_ms, move |txn| {
            waits::rate(txn.db, customer, &Rated::Card(card), mark, txn.now_ms)
        });
        match rated {
            Ok(()) => Ok(true),
            // Her page does not know yet that she was served.
            Err(StoreError::Expired(_)) if self.home.is_some() => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// All alerts of the day, as rows for delivery.
    pub(crate) fn alerts(&self) -> anyhow::Result<Vec<Alert>> {
        let (db, sql) = match &self.home {
            Some(home) => (
                &home.reader,
                "SELECT customer, alerted_ms FROM cards ORDER BY alerted_ms",
            ),
            None => (
                &self.reader,
                "SELECT customer, created_ms FROM deliveries WHERE cause LIKE 'arrival:%'
                 ORDER BY created_ms",
            ),
        };
        let mut statement = db.prepare(sql)?;
        let rows = statement.query_map([], |row| {
            Ok(Alert {
                customer: CustomerId(row.get(0)?),
                at_ms: u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0),
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The waits of the manager's page, as the shop reads them.
    pub(crate) fn figures(&self, now_ms: u64) -> anyhow::Result<serde_json::Value> {
        let view = api::waits::view(&self.reader, &self.store, now_ms, 4)?;
        Ok(serde_json::to_value(view)?)
    }

    /// The board's strip.
    pub(crate) fn strip(&self, midnight_ms: u64) -> anyhow::Result<board::Today> {
        let db = self.home.as_ref().map_or(&self.reader, |home| &home.reader);
        Ok(board::today(db, &self.store, midnight_ms)?)
    }

    /// What the two sides do not agree about: cards and orders that only one of them has so, and what
    /// still waits for the line. None: there is one side alone.
    pub(crate) fn disagreements(&self) -> anyhow::Result<Option<Vec<String>>> {
        let Some(home) = &self.home else {
            return Ok(None);
        };
        let (here, there) = (desk(&home.reader)?, desk(&self.reader)?);
        let mut apart: Vec<String> = here.symmetric_difference(&there).cloned().collect();
        let waiting = store::home::journal_len(&home.reader)?;
        apart.extend((waiting > 0).then(|| format!("{waiting} entries of the journal wait")));
        let kept = home.backlog_len();
        apart.extend((kept > 0).then(|| format!("{kept} batches wait in their gateways")));
        Ok(Some(apart))
    }

    /// Entries of the journal that reached the central server, where there is one.
    pub(crate) fn told(&self) -> Option<u64> {
        self.home.as_ref().map(|home| home.told)
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counts.now()
    }
}

/// As ingest does: times and people, and what has none stays behind.
fn work(
    store: &StoreId,
    boot: BootId,
    identity: &Identity,
    now_ms: u64,
    (gateway, seq, sightings): Kept,
) -> BatchWork {
    let times = sightings
        .iter()
        .map(|s| (s.transmitter, ZERO_MS + s.heard_last_mono_ms));
    let people = identity.resolve_all(now_ms, times);
    let heard = sightings.into_iter().zip(people).filter_map(|(s, who)| {
        Some(Heard {
            who: who?,
            anchor: s.anchor,
            heard_first_ms: ZERO_MS + s.heard_first_mono_ms,
            heard_last_ms: ZERO_MS + s.heard_last_mono_ms,
            count: s.count,
            rssi_dbm: s.rssi_dbm_median,
        })
    });
    BatchWork {
        store: store.clone(),
        gateway,
        boot,
        seq,
        heard: heard.collect(),
        len_bytes: 0,
        token: seq,
    }
}

/// Cards and orders, in words that can be compared.
fn desk(db: &Connection) -> anyhow::Result<BTreeSet<String>> {
    let mut rows = db.prepare(
        "SELECT 'card ' || hex(card) || ' ' || hex(customer) || ' ' || journey || ' ' || arrived_ms
           || ' ' || since_ms || ' ' || coalesce(hex(taken_by), '-') FROM cards
         UNION ALL
         SELECT 'order ' || external_id || ' ' || state FROM orders",
    )?;
    let rows = rows.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn furnish(db: &Connection, store: &StoreId, plan: &Plan) -> anyhow::Result<()> {
    let row = StoreRow {
        store: store.clone(),
        name: "Kade 9".into(),
        timezone: "Europe/Amsterdam".into(),
        opens: "09:00".into(),
        closes: "19:00".into(),
        quiet: None,
        messages_per_day_max: 2,
    };
    shop::put_store(db, &row, 1)?;
    for zone in &plan.zones {
        let names = Names {
            nl: zone.name.0.into(),
            en: zone.name.1.into(),
        };
        shop::put_zone(db, store, &zone.zone, &names)?;
        let (corner, far) = (place(zone.from), place(zone.to));
        let area = Area {
            corner,
            wide_cm: corner.x_cm.abs_diff(far.x_cm),
            deep_cm: corner.y_cm.abs_diff(far.y_cm),
            door: zone.zone.as_str() == ENTRANCE,
        };
        plans::put_area(db, store, &zone.zone, Some(area))?;
    }
    for (anchor, gateway) in plan.gateways() {
        let row = AnchorRow {
            anchor: anchor.anchor.clone(),
            zone: anchor.zone.clone(),
            kind: AnchorKind::Gateway(gateway.clone()),
            enter_rssi_dbm: anchor.enter_rssi_dbm,
        };
        shop::put_anchor(db, store, &row)?;
        let at = Some(place(anchor.at));
        plans::put_place(db, store, &anchor.anchor, &anchor.zone, at)?;
    }
    Ok(())
}

/// A customer who agreed to all of it, and her phone.
fn enrol(db: &Connection, who: usize, identity: air::Identity) -> anyhow::Result<()> {
    let customer = customer(who);
    let row = people::CustomerRow {
        customer,
        external_id: format!("c-{who}"),
        given_name: "Anna".into(),
        family_name: "de Vries".into(),
        salutation: None,
        language: "nl".into(),
    };
    people::put_customer(db, ZERO_MS, &row)?;
    for purpose in people::PURPOSES {
        let entry = people::ConsentEntry {
            purpose,
            granted: true,
            text_version: "2026-11".into(),
            language: "nl".into(),
            source: "app",
        };
        people::record_consent(db, ZERO_MS, customer, &entry)?;
    }
    let device = people::DeviceRow {
        device: DeviceId(customer.0),
        customer,
        signing_key: None,
    };
    people::add_device(db, ZERO_MS, &device, "android", None)?;
    let radio = RadioRow {
        radio: RadioId(customer.0),
        device: device.device,
        customer,
        key: identity.key,
        clock_offset_s: identity.offset_s,
        valid_from_ms: ZERO_MS - 86_400_000,
        valid_to_ms: None,
    };
    Ok(people::add_radio(db, &radio)?)
}

fn order(store: &StoreId, who: usize, kind: OrderKind) -> OrderRow {
    OrderRow {
        order: OrderId(customer(who).0),
        external_id: format!("1042-{who}"),
        store: store.clone(),
        customer: customer(who),
        kind,
        state: match kind.is_set_aside() {
            true => OrderState::Ready,
            false => OrderState::Placed,
        },
        due_ms: None,
        bay: Some(format!("B{}", who % 40)),
        code: code(who),
        share_code: None,
        lines: Vec::new(),
        details: store::orders::Details::default(),
    }
}

fn place(at: Point) -> Place {
    let cm = |m: f64| (m * 100.0).round() as i32; // a shop
    Place {
        x_cm: cm(at.x_m),
        y_cm: cm(at.y_m),
    }
}

/// Customers by their ids.
pub(crate) fn by_id(many: usize) -> HashMap<CustomerId, usize> {
    (0..many).map(|who| (customer(who), who)).collect()
}
