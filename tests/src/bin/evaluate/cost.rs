//! What a customer costs the filter, in bytes and in time.
//!
//! In: numbers of zones and anchors. Out: a table, and two charts.
//! Promises: bytes are counted by the allocator, not reckoned; what was asked stands beside them.
//! Invariant: one radio a customer, heard by every anchor once a second.

mod count;

use std::{hint::black_box, io::Write, path::PathBuf, time::Instant};

use engine::presence::{
    filter::{Filter, Heard, Scratch},
    geometry,
    model::Model,
    names::{Named, named},
};
use protocol::{CustomerId, RadioId};

use crate::plot::{Line, lines};

const ZONES: [u16; 5] = [5, 10, 20, 30, 40];
const ANCHORS: [u16; 4] = [4, 12, 24, 48];

/// Customers of one store.
const CUSTOMERS: usize = 2_000;

/// Seconds that each is heard; the first brings every allocation.
const SECONDS: u64 = 6;

/// Any time will do.
const ZERO_MS: u64 = 1_700_000_000_000;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where the charts go.
    #[arg(long, default_value = "docs")]
    out: PathBuf,
}

/// One store's cost.
struct Cost {
    zones: u16,
    anchors: u16,
    bytes: f64,
    ns: f64,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let mut costs = Vec::new();
    for anchors in ANCHORS {
        for zones in ZONES {
            costs.push(measure(zones, anchors)?);
        }
    }
    let mut out = std::io::stdout().lock();
    writeln!(out, "zones anchors  bytes  asked  ns a sighting")?;
    for c in &costs {
        let (zones, anchors, asked) = (c.zones, c.anchors, c.asked());
        writeln!(
            out,
            "{zones:5} {anchors:7} {:6.0} {asked:6.0} {:14.0}",
            c.bytes, c.ns
        )?;
    }
    let line = |at: usize, dashed: bool, of: &dyn Fn(&Cost) -> f64| Line {
        name: format!("{} anchors", ANCHORS[at]),
        dashed,
        colour: at,
        points: costs
            .iter()
            .filter(|c| c.anchors == ANCHORS[at])
            .map(|c| (f64::from(c.zones), of(c)))
            .collect(),
    };
    let all = 0..ANCHORS.len();
    let measured = all.clone().map(|at| line(at, false, &|c| c.bytes));
    let asked = all.clone().map(|at| line(at, true, &Cost::asked));
    let memory: Vec<Line> = measured.chain(asked).collect();
    let title = "Memory of one customer; dashed: 200 + 4 zones + 12 anchors";
    let path = args.out.join("presence-memory.svg");
    lines(&path, title, ("zones", "bytes"), &memory)?;
    let time: Vec<Line> = all.map(|at| line(at, false, &|c| c.ns)).collect();
    let (path, title) = (
        args.out.join("presence-cost.svg"),
        "Time of one sighting on one core",
    );
    lines(&path, title, ("zones", "ns"), &time)
}

impl Cost {
    /// Bytes that a customer may take.
    fn asked(&self) -> f64 {
        200.0 + 4.0 * f64::from(self.zones) + 12.0 * f64::from(self.anchors)
    }
}

fn measure(zones: u16, anchors: u16) -> anyhow::Result<Cost> {
    let model = store(zones, anchors)?;
    let mut scratch = Scratch::default();
    let mut people: Vec<Filter> = Vec::with_capacity(CUSTOMERS);
    // The scratch has its size before the count begins.
    Filter::new(&model, 0).answer(&model, 5_000, &mut scratch);
    let before = count::bytes();
    people.extend((0..CUSTOMERS).map(|_| Filter::new(&model, ZERO_MS)));
    let mut spent_s = f64::INFINITY;
    for second in 0..SECONDS {
        let from = Instant::now();
        for anchor in 0..anchors {
            for (who, filter) in people.iter_mut().enumerate() {
                let heard = Heard {
                    radio: RadioId(CustomerId::at(who as u64, [who as u8; 10]).0),
                    anchor,
                    at_ms: ZERO_MS + second * 1_000 + u64::from(anchor),
                    rssi_dbm: -60.0 - ((who + usize::from(anchor) * 7) % 29) as f32,
                };
                filter.hear(&model, &heard, &mut scratch);
                black_box(filter.answer(&model, heard.at_ms, &mut scratch));
            }
        }
        // Others share the machine: the quickest second is the code's own.
        spent_s = spent_s.min(from.elapsed().as_secs_f64());
    }
    let heap = count::bytes() - before;
    let sightings = CUSTOMERS as f64 * f64::from(anchors);
    Ok(Cost {
        zones,
        anchors,
        bytes: heap as f64 / CUSTOMERS as f64 + size_of::<Filter>() as f64,
        ns: spent_s / sightings * 1e9,
    })
}

/// A row of zones.
fn store(zones: u16, anchors: u16) -> anyhow::Result<Model> {
    let spot = |anchor| Named {
        zone: anchor % zones,
        edge_dbm: -70.0,
    };
    let spots: Vec<Named> = (0..anchors).map(spot).collect();
    let near = |a: u16, b: u16| a.abs_diff(b) == 1;
    let model = named(geometry::settings(), zones, &spots, near);
    model.map_err(|e| anyhow::anyhow!("{e:?}"))
}
