//! A store with three gateways that are processes of their own, under a countable load.
//!
//! In: options, people. Out: what the air gave to gateways, and what the database has of it.
//! The audit is from outside: the test's own book against rows of SQLite.
//! Invariant: nothing of ours has the database open when a process is killed, or its recovery
//! would not be tried.

use std::{
    collections::HashMap,
    ffi::OsStr,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use demo::{
    audit::Audit,
    process::Process,
    stack::{Options, Radio, Stack, until, until_within},
};
use firmware_sim::{
    air::Air,
    plan::{Anchor, AnchorKind, Plan, Point},
    provision::GatewayCredentials,
};
use protocol::{AnchorId, Eid, RadioId, Transmitter};
use tempfile::TempDir;

use crate::{
    crowd::{self, Advert, Load, Person},
    rig::program,
    spool_reader::{self, Reader, Record},
};

/// How long what is owed may take to arrive once everything is up.
const DRAIN_MAX: Duration = Duration::from_secs(60);

/// More for a process's environment.
pub type Env<'a> = &'a [(&'a str, &'a OsStr)];

/// The store.
pub struct Floor {
    /// The server and its folder.
    pub stack: Stack,
    /// Where gateways hear.
    pub air: Arc<dyn Air>,
    /// How they log in.
    pub credentials: Vec<GatewayCredentials>,
    /// Those that run; none after a kill.
    pub gateways: Vec<Option<Process>>,
    /// Who is in the store.
    pub people: Arc<Vec<Person>>,
    /// Goes with it.
    pub folder: TempDir,
}

impl Floor {
    /// A server with a store and people, no gateway yet.
    pub async fn start(folder: TempDir, options: Options, people: usize) -> anyhow::Result<Self> {
        Self::start_on(Radio::Sim, folder, options, people).await
    }

    /// The same with another way to the gateways.
    pub async fn start_on(
        radio: Radio,
        folder: TempDir,
        options: Options,
        people: usize,
    ) -> anyhow::Result<Self> {
        let options = Options {
            // The audit wants the whole log: no snapshot shortens it.
            snapshot_s: Some(86_400),
            ..options
        };
        let stack = Stack::start(folder.path(), &program()?, options).await?;
        let credentials = stack.furnish(&plan()?).await?;
        let people = Arc::new(crowd::import(&stack.api, people).await?);
        let air = stack.air(radio, &credentials).await?.into();
        Ok(Self {
            stack,
            air,
            gateways: credentials.iter().map(|_| None).collect(),
            credentials,
            people,
            folder,
        })
    }

    /// Starts all gateways and waits until they listen.
    pub async fn with_gateways(mut self) -> anyhow::Result<Self> {
        for place in 0..self.credentials.len() {
            self.start_gateway(place, &[])?;
        }
        let wanted = self.gateways.len();
        self.stack.gateways_ready(&*self.air, wanted).await?;
        Ok(self)
    }

    fn start_gateway(&mut self, place: usize, env: Env<'_>) -> anyhow::Result<()> {
        let credentials = &self.credentials[place];
        let gateway = self.stack.gateway_on(credentials, &*self.air, env)?;
        self.gateways[place] = Some(gateway);
        Ok(())
    }

    /// The antennas, in the order of the gateways.
    pub fn anchors(&self) -> anyhow::Result<Vec<AnchorId>> {
        let anchors = self.credentials.iter();
        Ok(anchors
            .map(|c| c.gateway.as_str().parse())
            .collect::<Result<_, _>>()?)
    }

    /// Begins a load over all gateways.
    pub fn load(&self, per_s: u64) -> anyhow::Result<Load> {
        Ok(self.load_of(&self.anchors()?, per_s))
    }

    /// The same over some of them.
    pub fn load_of(&self, anchors: &[AnchorId], per_s: u64) -> Load {
        let (air, people) = (self.air.clone(), self.people.clone());
        Load::start(air, anchors.to_vec(), people, per_s)
    }

    /// Stops the server in its tracks: it takes what comes in, and does nothing with it.
    pub fn hang_server(&self) -> anyhow::Result<()> {
        self.signal_server("-STOP")
    }

    /// It goes on where it was.
    pub fn wake_server(&self) -> anyhow::Result<()> {
        self.signal_server("-CONT")
    }

    fn signal_server(&self, signal: &str) -> anyhow::Result<()> {
        let server = self.stack.server.as_ref().context("the server is down")?;
        let told = Command::new("kill")
            .arg(signal)
            .arg(server.id().to_string())
            .status()
            .context("run kill")?;
        anyhow::ensure!(told.success(), "kill {signal}: {told}");
        Ok(())
    }

    /// Kill -9 of one gateway; returns when.
    pub async fn kill_gateway(&mut self, place: usize) -> anyhow::Result<Instant> {
        let connected = self.air.connected();
        let gateway = self.gateways[place].take();
        gateway.context("this gateway is down already")?.kill()?;
        let killed = Instant::now();
        until("the air to lose the gateway", async || {
            Ok(self.air.connected() < connected)
        })
        .await?;
        Ok(killed)
    }

    /// Starts one, for the first time or again, and waits until it listens.
    pub async fn up(&mut self, place: usize, env: Env<'_>) -> anyhow::Result<Instant> {
        let connected = self.air.connected();
        self.start_gateway(place, env)?;
        until("the gateway to listen", async || {
            Ok(self.air.connected() > connected)
        })
        .await?;
        Ok(Instant::now())
    }

    /// The sightings' rows so far.
    pub fn rows(&self) -> anyhow::Result<u64> {
        Audit::open(&self.stack.database())?
            .number("SELECT count(*) FROM inputs WHERE kind = 'sightings'")
    }

    /// Waits for that many more.
    pub async fn more_rows(&self, more: u64) -> anyhow::Result<()> {
        let target = self.rows()? + more;
        let what = format!("{more} more rows of sightings");
        until(&what, async || Ok(self.rows()? >= target)).await
    }

    /// What stands in a gateway's spool.
    pub fn read_spool(&self, place: usize) -> anyhow::Result<Vec<Record>> {
        let spool = self.stack.spool(&self.credentials[place].gateway);
        spool_reader::read(&spool, &self.reader(place)?)
    }

    /// What reads along with a gateway.
    pub fn reader(&self, place: usize) -> anyhow::Result<Reader> {
        let db = server::store::open_reader(&self.stack.database())?;
        Ok(Reader {
            store: self.stack.store.clone(),
            gateway: self.credentials[place].gateway.clone(),
            keys: server::store::seals::private_keys(&db)?,
        })
    }

    /// What sockets took so far, as a mark for each advertisement of the book.
    pub fn taken(&self, book: &[Advert]) -> Vec<bool> {
        let mut taken = vec![false; book.len()];
        for ((_, number), _) in self.air.heard() {
            if let Some(mark) = usize::try_from(number).ok().and_then(|n| taken.get_mut(n)) {
                *mark = true;
            }
        }
        taken
    }

    /// Waits until the sockets have taken what is on its way to them.
    pub async fn all_taken(&self, book: &[Advert]) -> anyhow::Result<()> {
        anyhow::ensure!(self.air.lost_total() == 0, "a gateway was too slow");
        until("gateways to read everything", async || {
            Ok(self.taken(book).iter().all(|taken| *taken))
        })
        .await
    }

    /// Waits until all of it is in the log.
    pub async fn all_arrived(&self, index: &Index, owed: &[usize]) -> anyhow::Result<()> {
        let mut rows = u64::MAX;
        let mut missing = owed.len();
        let waited = until_within(DRAIN_MAX, "everything to arrive", async || {
            let now = self.rows()?;
            if std::mem::replace(&mut rows, now) != now {
                let counted = index.counted(&Audit::open(&self.stack.database())?)?;
                missing = owed.iter().filter(|n| counted.times[**n] == 0).count();
            }
            Ok(missing == 0)
        });
        waited.await.with_context(|| "some did not arrive")?;
        Ok(())
    }

    /// Stops everything politely; after this nothing can come into the database any more.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        for gateway in self.gateways.iter_mut().flatten() {
            gateway.stop()?;
        }
        self.gateways.iter_mut().for_each(|gateway| *gateway = None);
        self.stack.stop().await
    }
}

/// The simulator's store with a third gateway at the bags.
fn plan() -> anyhow::Result<Plan> {
    let mut plan = Plan::kade_9();
    let third = Anchor {
        anchor: "side".parse()?,
        zone: "tassen".parse()?,
        kind: AnchorKind::Gateway("side".parse()?),
        at: Point::new(20.0, 4.0),
        enter_rssi_dbm: -80,
    };
    let gateways = plan.gateways().count();
    plan.anchors.insert(gateways, third);
    Ok(plan)
}

/// The book, to be looked up.
pub struct Index {
    by_eid: HashMap<(Eid, i8), usize>,
    by_radio: HashMap<(RadioId, i8), usize>,
}

/// How often each advertisement of the book stands in the log.
pub struct Counted {
    /// By place in the book.
    pub times: Vec<u64>,
    /// Their places in the book, in the order of the log.
    pub order: Vec<usize>,
    /// Rows that are not in the book at all.
    pub unknown: u64,
}

impl Index {
    /// Of a book.
    pub fn new(book: &[Advert]) -> Self {
        let places = || book.iter().enumerate();
        Self {
            by_eid: places().map(|(n, a)| ((a.eid, a.rssi_dbm), n)).collect(),
            by_radio: places().map(|(n, a)| ((a.radio, a.rssi_dbm), n)).collect(),
        }
    }

    /// The places in the book of what records hold.
    pub fn places(&self, records: &[Record]) -> anyhow::Result<Vec<usize>> {
        let sightings = records.iter().flat_map(|record| &record.sightings);
        let places = sightings.map(|s| match s.transmitter {
            Transmitter::Eid(eid) => self.by_eid.get(&(eid, s.rssi_dbm_median)).copied(),
            _ => None,
        });
        places
            .map(|place| place.context("a record holds what was not sent"))
            .collect()
    }

    /// Counts the rows of a database.
    pub fn counted(&self, audit: &Audit) -> anyhow::Result<Counted> {
        let mut counted = Counted {
            times: vec![0; self.by_radio.len()],
            order: Vec::new(),
            unknown: 0,
        };
        for sighting in audit.sightings()? {
            match self.by_radio.get(&(sighting.radio, sighting.rssi_dbm)) {
                Some(&place) => {
                    counted.times[place] += u64::from(sighting.count);
                    counted.order.push(place);
                }
                None => counted.unknown += 1,
            }
        }
        Ok(counted)
    }
}

/// Judges a run: prints one line, and fails if anything is lost, twice or from nowhere.
pub fn judge(
    what: &str,
    kills: usize,
    book: &[Advert],
    owed: &[usize],
    counted: &Counted,
) -> anyhow::Result<()> {
    let lost = owed.iter().filter(|n| counted.times[**n] == 0).count();
    let twice = counted.times.iter().filter(|times| **times > 1).count();
    let line = format!(
        "audit {what}: kills {kills}, on the air {}, owed {}, in the log {}, lost {lost}, twice \
         {twice}, from nowhere {}",
        book.len(),
        owed.len(),
        counted.order.len(),
        counted.unknown,
    );
    println!("{line}");
    anyhow::ensure!(lost == 0 && twice == 0 && counted.unknown == 0, "{line}");
    anyhow::ensure!(!owed.is_empty(), "nothing was owed: {line}");
    Ok(())
}
