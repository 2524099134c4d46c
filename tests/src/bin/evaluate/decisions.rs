//! What a decision costs, with a chain's whole history behind it.
//!
//! In: how many customers, intents and campaigns. Out: a table of times, and two charts of what grows
//! with what.
//! `decide`: the engine alone. `load`: the facts of a shopper whose pages were never read before (the
//! system's cache was dropped, and so was SQLite's), and the decision. `live`: a sighting with
//! certainty, handed to the server's own writer, until its outbox row is on the disk.
//! Promises: the functions are the server's; the database is a real one, of the asked size.
//! Invariant: nothing here is a test; figures are of this machine.

use std::{
    collections::BTreeMap,
    hint::black_box,
    io::{IsTerminal, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use clap::Args as ClapArgs;
use engine::{
    Observation,
    campaign::{About, Audience, Campaign, Caps, Content, ProductRule, Schedule, Trigger, Words},
    choice::decide,
    input::{Consent, MatchFacts, Rules},
    matching::Occasion,
    outcome::{Moment, When},
};
use protocol::{CampaignId, CustomerId, RadioId, StoreId, VisitId};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rusqlite::{Connection, params};
use server::{
    clock::now_ms,
    fleet::Fleet,
    identity::Identity,
    live::Live,
    pipeline::{Counts, Outlets, Pipeline, facts_now},
    store::{
        self, campaigns,
        shop::{self, AnchorKind, AnchorRow, Names, StoreRow},
    },
};
use tokio::sync::{Notify, mpsc};

use crate::plot::{Line, lines};

const ZONES: usize = 12;
const DAY_MS: u64 = 86_400_000;

#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// Where the database is made; kept, and used again if it has this size.
    #[arg(long)]
    dir: PathBuf,
    #[arg(long, default_value_t = 1_000_000)]
    customers: u64,
    /// Of each shopper.
    #[arg(long, default_value_t = 20)]
    intents: u64,
    #[arg(long, default_value_t = 200)]
    campaigns: usize,
    /// Products of the chain, all of them in the store.
    #[arg(long, default_value_t = 50_000)]
    products: u64,
    /// Shoppers looked at for each figure.
    #[arg(long, default_value_t = 2_000)]
    sample: u64,
    /// Zone events a second, and for how many seconds.
    #[arg(long, default_value_t = 500)]
    rate: u64,
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Where the charts go; none: no charts.
    #[arg(long)]
    out: Option<PathBuf>,
}

/// Times of one kind, in microseconds.
struct Times(Vec<f64>);

impl Times {
    fn at(&self, share: f64) -> f64 {
        let last = self.0.len().saturating_sub(1);
        self.0
            .get((last as f64 * share).round() as usize)
            .copied()
            .unwrap_or(f64::NAN)
    }

    fn of(mut times: Vec<f64>) -> Self {
        times.sort_by(f64::total_cmp);
        Self(times)
    }

    fn row(&self, name: &str) -> String {
        format!(
            "{name:44} {:9.1} {:9.1} {:9.1} {:9.1}",
            self.at(0.5),
            self.at(0.95),
            self.at(0.99),
            self.at(1.0)
        )
    }
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let path = args
        .dir
        .join(format!("chain-{}x{}.db", args.customers, args.intents));
    std::fs::create_dir_all(&args.dir)?;
    if !path.exists() {
        build(&path, args.customers, args.intents, args.products)?;
    }
    let mut out = std::io::stdout().lock();
    let head = ["microseconds", "p50", "p95", "p99", "max"];
    writeln!(
        out,
        "{:44} {:>9} {:>9} {:>9} {:>9}",
        head[0], head[1], head[2], head[3], head[4]
    )?;
    let some = campaigns_of(args.campaigns);
    let (load, decided) = cold(&path, args.customers, args.sample, &some)?;
    writeln!(out, "{}", decided.row("decide"))?;
    writeln!(out, "{}", load.row("load and decide, nothing in any cache"))?;
    let warm = warm(&path, args.customers, args.sample, &some)?;
    writeln!(out, "{}", warm.row("load and decide, pages read before"))?;
    let live = live(&path, args, &some)?;
    writeln!(
        out,
        "{}",
        live.row(&format!("zone event to outbox row, {}/s", args.rate))
    )?;
    match &args.out {
        Some(folder) => growth(&args.dir, folder),
        None => Ok(()),
    }
}

fn store_id() -> anyhow::Result<StoreId> {
    Ok("kade-9".parse()?)
}

fn customer(n: u64) -> CustomerId {
    CustomerId::at(1_600_000_000_000 + n, [7; 10])
}

/// Half are set off by entering, the others by a dwell; of all kinds, with caps.
fn campaigns_of(count: usize) -> Vec<Campaign> {
    let words = Words {
        title: "{product}".parse().unwrap_or_default(),
        body: "{product}: {place}.".parse().unwrap_or_default(),
    };
    let one = |n: usize| Campaign {
        campaign: CampaignId::at(
            1_700_000_000_000,
            [n as u8, (n >> 8) as u8, 1, 1, 1, 1, 1, 1, 1, 1],
        ),
        version: 1,
        topic: format!("topic-{}", n % 7),
        trigger: Trigger {
            when: match n % 2 {
                0 => When::Enter,
                _ => When::Dwell { seconds: 30 },
            },
            zones: Default::default(),
            stores: Default::default(),
        },
        about: About::Product(ProductRule {
            cheaper: n % 3 == 1,
            back_in_stock: n % 3 == 2,
            anywhere: n.is_multiple_of(4),
            ..ProductRule::default()
        }),
        audience: Audience::default(),
        schedule: Schedule::default(),
        priority: (n % 5) as i32,
        confidence_permille: 800,
        caps: Caps {
            per_visit: Some(1),
            per_person_week: Some(3),
            per_store_day: n.is_multiple_of(10).then_some(1_000_000),
            ..Caps::default()
        },
        cool_down_ms: DAY_MS,
        relevant_ms: 120_000,
        holdout_permille: 100,
        content: Content([("nl".to_owned(), words.clone())].into()),
    };
    (0..count).map(one).collect()
}

/// A chain: one store of twelve zones with all products, and shoppers who agreed to all.
fn build(path: &Path, customers: u64, intents: u64, products: u64) -> anyhow::Result<()> {
    let half = path.with_extension("half");
    for left in ["half", "half-wal", "half-shm"] {
        match std::fs::remove_file(path.with_extension(left)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    let db = store::open_writer(&half)?;
    // Whoever dies here begins again.
    db.pragma_update(None, "synchronous", "OFF")?;
    furnish(&db)?;
    let now_ms = now_ms();
    db.execute_batch("BEGIN")?;
    for n in 0..products {
        let zone = format!("zone-{}", n as usize % ZONES);
        let id = format!("SKU-{n}");
        db.prepare_cached(
            "INSERT INTO products (sku, name_nl, name_en, price_minor, currency)
             VALUES (?1, ?1, ?1, ?2, 'EUR')",
        )?
        .execute(params![id, 1_000 + n as i64 % 20_000])?;
        place(&db, &id, &zone)?;
    }
    db.execute_batch("COMMIT")?;
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    for from in (0..customers).step_by(10_000) {
        db.execute_batch("BEGIN")?;
        for n in from..(from + 10_000).min(customers) {
            shopper(&db, &mut rng, n, intents, products, now_ms)?;
        }
        db.execute_batch("COMMIT")?;
        if std::io::stderr().is_terminal() {
            eprint!("\r{from} of {customers} shoppers");
        }
    }
    db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE); ANALYZE;")?;
    drop(db);
    std::fs::rename(&half, path).context("the database is whole")
}

fn furnish(db: &Connection) -> anyhow::Result<()> {
    let store = store_id()?;
    let row = StoreRow {
        store: store.clone(),
        name: "Kade 9".into(),
        timezone: "Europe/Amsterdam".into(),
        opens: "00:00".into(),
        closes: "00:00".into(),
        quiet: None,
        messages_per_day_max: 2,
    };
    shop::put_store(db, &row, 1)?;
    for n in 0..ZONES {
        let zone = format!("zone-{n}").parse()?;
        let names = Names {
            nl: format!("Zone {n}"),
            en: format!("Zone {n}"),
        };
        shop::put_zone(db, &store, &zone, &names)?;
        let row = AnchorRow {
            anchor: format!("anchor-{n}").parse()?,
            zone,
            kind: AnchorKind::Gateway("gateway".parse()?),
            enter_rssi_dbm: -80,
        };
        shop::put_anchor(db, &store, &row)?;
    }
    Ok(())
}

fn place(db: &Connection, sku: &str, zone: &str) -> anyhow::Result<()> {
    db.prepare_cached(
        "INSERT INTO placements (store, sku, zone, shelf) VALUES ('kade-9', ?1, ?2, NULL)",
    )?
    .execute(params![sku, zone])?;
    db.prepare_cached("INSERT INTO stock VALUES ('kade-9', ?1, 3, NULL, 0)")?
        .execute([sku])?;
    Ok(())
}

fn shopper(
    db: &Connection,
    rng: &mut ChaCha8Rng,
    n: u64,
    intents: u64,
    products: u64,
    now_ms: u64,
) -> anyhow::Result<()> {
    let id = customer(n);
    db.prepare_cached(
        "INSERT INTO customers (customer, external_id, given_name, family_name, language,
           created_ms) VALUES (?1, ?2, 'Anna', 'de Vries', 'nl', 0)",
    )?
    .execute(params![id.0, format!("c-{n}")])?;
    for purpose in ["arrival", "messages", "browsing", "statistics"] {
        db.prepare_cached(
            "INSERT INTO consent_ledger
               (customer, purpose, granted, text_version, language, source, at_ms)
             VALUES (?1, ?2, 1, '1', 'nl', 'import', 0)",
        )?
        .execute(params![id.0, purpose])?;
    }
    for _ in 0..intents {
        let kind = [
            "viewed",
            "viewed",
            "viewed",
            "wishlisted",
            "carted",
            "ordered",
        ][rng.random_range(0..6)];
        let age_ms = rng.random_range(0..80 * DAY_MS);
        let id_of = rng.random_range(0..products);
        intent(db, id, &format!("SKU-{id_of}"), kind, now_ms - age_ms)?;
    }
    Ok(())
}

fn intent(
    db: &Connection,
    who: CustomerId,
    sku: &str,
    kind: &str,
    at_ms: u64,
) -> anyhow::Result<()> {
    db.prepare_cached("INSERT OR IGNORE INTO intents VALUES (?1, ?2, 0, ?3, ?4, NULL)")?
        .execute(params![who.0, sku, at_ms as i64, kind])?;
    Ok(())
}

/// Drops what the system has of the file; as root all there is, else what fadvise gives up.
fn forget_pages(path: &Path) -> anyhow::Result<()> {
    let file = std::fs::File::open(path)?;
    rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)?;
    // Without root the line above has to do.
    let _ = std::fs::write("/proc/sys/vm/drop_caches", "3");
    Ok(())
}

fn occasion<'a>(who: CustomerId, moment: &'a Moment, now_ms: u64) -> Occasion<'a> {
    Occasion {
        customer: who,
        visit: VisitId::at(now_ms, [1; 10]),
        moment,
        share: 0.95,
        now_ms,
    }
}

fn some_moment() -> anyhow::Result<Moment> {
    Ok(Moment {
        when: When::Enter,
        zone: "zone-3".parse()?,
    })
}

/// Facts and decision of shoppers whose rows nobody has read since the caches were dropped; the
/// catalogue's pages come back with the first of them, as in a store that has just opened. And the
/// decision alone, on the same facts.
fn cold(
    path: &Path,
    customers: u64,
    sample: u64,
    campaigns: &[Campaign],
) -> anyhow::Result<(Times, Times)> {
    forget_pages(path)?;
    let db = store::open_reader(path)?;
    let (times, facts) = look(&db, 11, customers, sample, campaigns)?;
    // The first of all pays for the catalogue and the schema: it is in the maximum, not left out.
    Ok((times, pure(campaigns, &facts)?))
}

/// The same shoppers looked at twice; the second look counts.
fn warm(path: &Path, customers: u64, sample: u64, campaigns: &[Campaign]) -> anyhow::Result<Times> {
    let db = store::open_reader(path)?;
    look(&db, 13, customers, sample, campaigns)?;
    Ok(look(&db, 13, customers, sample, campaigns)?.0)
}

type Facts = Vec<(CustomerId, MatchFacts)>;

/// Facts and decision of shoppers drawn by `seed`.
fn look(
    db: &Connection,
    seed: u64,
    customers: u64,
    sample: u64,
    campaigns: &[Campaign],
) -> anyhow::Result<(Times, Facts)> {
    let (store, rules, moment) = (store_id()?, Rules::default(), some_moment()?);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (mut times, mut facts_of) = (Vec::new(), Vec::new());
    for _ in 0..sample {
        let who = customer(rng.random_range(0..customers));
        let now = now_ms();
        let from = Instant::now();
        let facts = facts_now(db, now, &store, who, campaigns)?;
        black_box(decide(
            &rules,
            campaigns,
            &occasion(who, &moment, now),
            &facts,
        ));
        times.push(from.elapsed().as_secs_f64() * 1e6);
        facts_of.push((who, facts));
    }
    Ok((Times::of(times), facts_of))
}

fn pure(campaigns: &[Campaign], of: &Facts) -> anyhow::Result<Times> {
    let (rules, moment) = (Rules::default(), some_moment()?);
    let mut times = Vec::with_capacity(of.len() * 10);
    for _ in 0..10 {
        for (who, facts) in of {
            let occasion = occasion(*who, &moment, now_ms());
            let from = Instant::now();
            black_box(decide(&rules, campaigns, &occasion, facts));
            times.push(from.elapsed().as_secs_f64() * 1e6);
        }
    }
    Ok(Times::of(times))
}

/// Shoppers come into a zone at this rate; each event is its own write, as a batch of a gateway is.
fn live(path: &Path, args: &Args, some: &[Campaign]) -> anyhow::Result<Times> {
    let own = path.with_extension("live");
    std::fs::copy(path, &own).context("a copy to write into")?;
    let db = store::open_writer(&own)?;
    for campaign in some {
        let row = campaigns::VersionRow {
            campaign: campaign.clone(),
            name: "one of many".into(),
            attribution_ms: DAY_MS,
            saved_ms: 0,
            saved_by: "evaluate".into(),
        };
        campaigns::save(&db, 1, &row)?;
        campaigns::set_state(&db, 1, campaign.campaign, campaigns::State::Published)?;
    }
    drop(db);
    forget_pages(&own)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let times = runtime.block_on(events(&own, args));
    for left in ["live", "live-wal", "live-shm"] {
        // What is left is found and written over by the next run.
        let _ = std::fs::remove_file(path.with_extension(left));
    }
    times
}

async fn events(path: &Path, args: &Args) -> anyhow::Result<Times> {
    let outlets = Outlets {
        journal: Arc::default(),
        live: Arc::new(Live::default()),
        identity: Arc::new(Identity::load(&[], now_ms())),
        outbox: Arc::new(Notify::new()),
        fleet: Arc::new(Fleet::new(Arc::default()).0),
        committed: mpsc::unbounded_channel().0,
        counts: Arc::new(Counts::default()),
    };
    let (pipeline, thread) = Pipeline::start(path, outlets, 600_000, None)?;
    let store = store_id()?;
    let laid = store.clone();
    pipeline.write(move |txn| txn.layout_changed(&laid)).await?;
    let (done, mut times) = mpsc::unbounded_channel();
    let mut due = tokio::time::interval(Duration::from_secs_f64(1.0 / args.rate as f64));
    let mut rng = ChaCha8Rng::seed_from_u64(17);
    for n in 0..args.rate * args.seconds {
        due.tick().await;
        let who = customer(n * (args.customers / (args.rate * args.seconds)).max(1));
        let anchor = format!("anchor-{}", rng.random_range(0..ZONES)).parse()?;
        let (pipeline, store, done) = (pipeline.clone(), store.clone(), done.clone());
        tokio::spawn(async move {
            let from = Instant::now();
            let heard = pipeline.write(move |txn| {
                let seen = Observation {
                    customer: who,
                    radio: RadioId(who.0),
                    anchor: std::clone::Clone::clone(&anchor),
                    heard_first_ms: txn.now_ms,
                    heard_last_ms: txn.now_ms,
                    count: 1,
                    rssi_dbm: 0,
                    certain: true,
                    late: false,
                    consent: Consent {
                        arrival: true,
                        messages: true,
                        browsing: true,
                        statistics: true,
                    },
                };
                txn.hear(&store, vec![seen])
            });
            // A failure is no time; it is counted below as one that is missing.
            if heard.await.is_ok() {
                let _ = done.send(from.elapsed().as_secs_f64() * 1e6);
            }
        });
    }
    drop(done);
    let mut all = Vec::new();
    while let Some(time) = times.recv().await {
        all.push(time);
    }
    pipeline.stop().await;
    thread
        .join()
        .map_err(|_| anyhow::anyhow!("the writer panicked"))?;
    let told: i64 = Connection::open(path)?.query_row(
        "SELECT count(*) FROM deliveries WHERE class = 'marketing'",
        [],
        |row| row.get(0),
    )?;
    let events = args.rate * args.seconds;
    anyhow::ensure!(
        all.len() as u64 == events,
        "{} of {events} were committed",
        all.len()
    );
    eprintln!("{events} zone events, {told} messages in the outbox");
    Ok(Times::of(all))
}

/// What grows with what: intents of a shopper, and campaigns.
fn growth(dir: &Path, folder: &Path) -> anyhow::Result<()> {
    let (customers, sample) = (20_000, 1_000);
    let mut by_intents: BTreeMap<&str, Vec<(f64, f64)>> = BTreeMap::new();
    for intents in [5, 20, 50, 100, 200] {
        let path = dir.join(format!("growth-{intents}.db"));
        if !path.exists() {
            build(&path, customers, intents, 50_000)?;
        }
        let (load, decided) = cold(&path, customers, sample, &campaigns_of(200))?;
        let warm = warm(&path, customers, sample, &campaigns_of(200))?;
        let at = |times: &Times| (intents as f64, times.at(0.5));
        by_intents
            .entry("load and decide, cold")
            .or_default()
            .push(at(&load));
        by_intents
            .entry("the same, warm")
            .or_default()
            .push(at(&warm));
        by_intents.entry("decide").or_default().push(at(&decided));
    }
    let mut by_campaigns: BTreeMap<&str, Vec<(f64, f64)>> = BTreeMap::new();
    let path = dir.join("growth-20.db");
    for campaigns in [1, 50, 100, 150, 200, 250] {
        let (_, decided) = cold(&path, customers, sample, &campaigns_of(campaigns))?;
        let warm = warm(&path, customers, sample, &campaigns_of(campaigns))?;
        let at = |times: &Times| (campaigns as f64, times.at(0.5));
        by_campaigns
            .entry("the same, warm")
            .or_default()
            .push(at(&warm));
        by_campaigns.entry("decide").or_default().push(at(&decided));
    }
    let chart = |by: BTreeMap<&str, Vec<(f64, f64)>>| -> Vec<Line> {
        let mut lines = Vec::new();
        for (name, points) in by {
            lines.push(Line {
                name: name.to_owned(),
                dashed: false,
                colour: lines.len(),
                points,
            });
        }
        lines
    };
    lines(
        &folder.join("decisions-intents.svg"),
        "A decision with 200 campaigns, median",
        ("intents of the shopper", "µs"),
        &chart(by_intents),
    )?;
    lines(
        &folder.join("decisions-campaigns.svg"),
        "A decision with 20 intents, median",
        ("campaigns", "µs"),
        &chart(by_campaigns),
    )
}
