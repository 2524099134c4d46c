//! A scene that nobody walked: gateways in zones, people with phones, and radios of which no
//! constant is known.
//!
//! In: sightings (whoever received), zones.json, whom to follow. Out: a zone and a probability for
//! each whole second between somebody's first and last sighting.
//! Promises: an answer rests on sightings up to its second; of somebody unheard for
//! [`UNHEARD_MS`] nothing is claimed.
//! Invariant: constants of the air were chosen on other scenes ([`super::scenes`]).

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context, bail, ensure};
use engine::presence::{
    confidence::Confidence,
    filter::{Filter, Heard, Scratch},
    geometry::{Air, Patch, Spot, plan},
    model::{Model, OUTSIDE, Settings},
    names::{Named, named},
};
use protocol::RadioId;
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    sightings::{self, Row},
    table,
};

/// Phones that scan 20 s of every minute are unheard for 40 s as a rule; two such minutes without
/// a sighting are silence.
pub(crate) const UNHEARD_MS: u64 = 120_000;

/// Who was heard within this time is not out of earshot, whatever is believed at first.
const HEARD_MS: u64 = 10_000;

/// zones.json.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Plan {
    pub(crate) zones: Vec<Zone>,
    #[serde(default)]
    pub(crate) gateways: Vec<Gateway>,
}

/// A zone; without a middle only its name is known.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Zone {
    pub(crate) zone: String,
    pub(crate) x_m: Option<f32>,
    pub(crate) y_m: Option<f32>,
    #[serde(default)]
    pub(crate) gateways: Vec<Id>,
}

/// A gateway; without a place it stands in the middle of its zone.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Gateway {
    pub(crate) gateway_id: Id,
    pub(crate) zone: String,
    pub(crate) x_m: Option<f32>,
    pub(crate) y_m: Option<f32>,
}

/// A radio's name: a number or a word.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Id {
    Number(u64),
    Word(String),
}

/// What is assumed of an unknown scene.
#[derive(Debug, Clone)]
pub(crate) struct Assumed {
    pub(crate) air: Air,
    pub(crate) settings: Settings,
    /// Side of a place, where a plan is known.
    pub(crate) place_m: f32,
    /// Ground this far around zones and gateways belongs to the nearest zone.
    pub(crate) margin_m: f32,
}

/// One second of one tag.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Said {
    pub(crate) tag: String,
    pub(crate) ts_ms: u64,
    /// Empty: unknown; "none": in no zone.
    pub(crate) zone: String,
    pub(crate) p: f32,
    /// What `p` was made of.
    pub(crate) log_odds: f32,
}

pub(crate) fn run(
    sightings: &Path,
    zones: &Path,
    mobiles: &[String],
    out: &Path,
) -> anyhow::Result<()> {
    let scene = Scene::new(Plan::read(zones)?, mobiles)
        .with_context(|| format!("in {}", zones.display()))?;
    let rows = sightings::read(sightings)?;
    let mut said = Vec::new();
    for tag in mobiles {
        let answers = scene.follow(&Assumed::default(), tag, &rows)?;
        if answers.is_empty() {
            eprintln!(
                "{tag}: no gateway had a sighting of it in {}",
                sightings.display()
            );
        }
        said.extend(answers);
    }
    let answers = said
        .iter()
        .map(|s| (s.tag.as_str(), s.ts_ms, s.zone.as_str(), s.p));
    table::write(out, "tag_id", answers)
}

impl Plan {
    fn read(path: &Path) -> anyhow::Result<Self> {
        let name = path.display();
        let text = std::fs::read_to_string(path).with_context(|| format!("open {name}"))?;
        serde_json::from_str(&text).with_context(|| format!("{name} is no plan"))
    }
}

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(id) => write!(f, "{id}"),
            Self::Word(id) => f.write_str(id),
        }
    }
}

/// A plan that was checked, with its gateways numbered.
pub(crate) struct Scene {
    zones: Vec<Zone>,
    /// Number and zone of each gateway.
    gateways: BTreeMap<String, (u16, u16)>,
    /// Middles of zones and places of gateways, if all of them are known.
    places: Option<Places>,
}

struct Places {
    zones: Vec<(f32, f32)>,
    gateways: Vec<(f32, f32)>,
}

impl Scene {
    pub(crate) fn new(plan: Plan, mobiles: &[String]) -> anyhow::Result<Self> {
        let Plan { zones, gateways } = plan;
        ensure!(!zones.is_empty(), "there is no zone");
        ensure!(zones.len() < 1_000, "more than 1,000 zones");
        let number = |name: &str| zones.iter().position(|z| z.zone == name);
        for (at, zone) in zones.iter().enumerate() {
            ensure!(
                !zone.zone.is_empty() && zone.zone != "none",
                "a zone cannot be called '{}'",
                zone.zone
            );
            ensure!(
                number(&zone.zone) == Some(at),
                "zone {} is there twice",
                zone.zone
            );
        }
        let mut found: BTreeMap<String, (u16, u16)> = BTreeMap::new();
        let mut spots: Vec<Option<(f32, f32)>> = Vec::new();
        let listed = zones.iter().flat_map(|zone| {
            let own = zone.gateways.iter().map(|id| Gateway {
                gateway_id: id.clone(),
                zone: zone.zone.clone(),
                x_m: None,
                y_m: None,
            });
            own.collect::<Vec<_>>()
        });
        // A gateway's own entry knows where it is, a zone's list only that it is.
        for gateway in gateways.into_iter().chain(listed) {
            let id = gateway.gateway_id.to_string();
            let zone = number(&gateway.zone).with_context(|| {
                format!(
                    "gateway {id} is in zone {}, which is not there",
                    gateway.zone
                )
            })?;
            if let Some(&(_, other)) = found.get(&id) {
                let other = usize::from(other);
                ensure!(
                    other == zone,
                    "gateway {id} is in {} and in {}",
                    zones[other].zone,
                    gateway.zone
                );
                continue;
            }
            ensure!(
                !mobiles.contains(&id),
                "{id} is a gateway and is to be followed"
            );
            let middle = zones[zone].middle();
            spots.push(gateway.x_m.zip(gateway.y_m).or(middle));
            found.insert(id, (spots.len() as u16 - 1, zone as u16)); // checked below
        }
        ensure!(!spots.is_empty(), "there is no gateway");
        ensure!(spots.len() < 10_000, "more than 10,000 gateways");
        let middles: Option<Vec<_>> = zones.iter().map(Zone::middle).collect();
        let spots: Option<Vec<_>> = spots.into_iter().collect();
        let places = middles
            .zip(spots)
            .map(|(zones, gateways)| Places { zones, gateways });
        let all = || {
            places
                .iter()
                .flat_map(|p| p.zones.iter().chain(&p.gateways))
        };
        if let Some(far) = all().find(|(x, y)| !(x.abs() < 1e4 && y.abs() < 1e4)) {
            bail!("{far:?} is more than 10 km away");
        }
        Ok(Self {
            zones,
            gateways: found,
            places,
        })
    }

    /// What the engine works with: a plan if places are known, names otherwise.
    pub(crate) fn model(&self, assumed: &Assumed) -> anyhow::Result<Model> {
        let (settings, air) = (assumed.settings.clone(), &assumed.air);
        let model = if let Some(places) = &self.places {
            let spots: Vec<Spot> = places
                .gateways
                .iter()
                .map(|&(x_m, y_m)| Spot {
                    x_m,
                    y_m,
                    offset_db: 0.0,
                    in_street: false,
                })
                .collect();
            plan(settings, air, &places.ground(assumed), &spots)
        } else {
            let mut anchors = vec![
                Named {
                    zone: OUTSIDE,
                    edge_dbm: -85.0
                };
                self.gateways.len()
            ];
            for &(gateway, zone) in self.gateways.values() {
                anchors[usize::from(gateway)].zone = zone;
            }
            named(settings, self.zones.len() as u16, &anchors, |_, _| true)
        };
        let model = model.ok().context("no model for this plan")?;
        Ok(model.with_confidence(measured()))
    }

    /// Second by second, where somebody was.
    pub(crate) fn follow(
        &self,
        assumed: &Assumed,
        tag: &str,
        rows: &[Row],
    ) -> anyhow::Result<Vec<Said>> {
        let model = self.model(assumed)?;
        let mut own = rows.iter().filter_map(|row| self.of(assumed, tag, row));
        let Some(first) = own.next() else {
            return Ok(Vec::new());
        };
        let last_ms = own.next_back().map_or(first.at_ms, |heard| heard.at_ms);
        ensure!(
            last_ms - first.at_ms < 7 * 24 * 3_600_000,
            "{tag}: more than a week between first and last sighting"
        );
        let own = rows.iter().filter_map(|row| self.of(assumed, tag, row));
        let mut own = own.peekable();
        let mut scratch = Scratch::default();
        let mut filter = Filter::new(&model, first.at_ms);
        let mut heard_ms = first.at_ms;
        let mut said = Vec::new();
        for second in first.at_ms.div_ceil(1_000)..=last_ms.div_ceil(1_000) {
            let ts_ms = second * 1_000;
            while let Some(heard) = own.next_if(|heard| heard.at_ms <= ts_ms) {
                heard_ms = heard.at_ms;
                filter.hear(&model, &heard, &mut scratch);
            }
            let answer = filter.answer(&model, ts_ms, &mut scratch);
            // Unheard for long, or believed to be out of earshot while she is heard.
            let unheard_ms = ts_ms - heard_ms;
            let unknown =
                unheard_ms > UNHEARD_MS || (answer.zone.is_none() && unheard_ms < HEARD_MS);
            let zone = match answer.zone {
                _ if unknown => "",
                Some(zone) => &self.zones[usize::from(zone)].zone,
                None => "none",
            };
            said.push(Said {
                tag: tag.to_owned(),
                ts_ms,
                zone: zone.to_owned(),
                p: if unknown { 0.0 } else { answer.p },
                log_odds: answer.log_odds,
            });
        }
        Ok(said)
    }

    /// Both directions are one observation; what she sends and what she receives are two radios of
    /// hers, each with an offset and a rate to learn.
    fn of(&self, assumed: &Assumed, tag: &str, row: &Row) -> Option<Heard> {
        let other = match (row.receiver == tag, row.transmitter == tag) {
            (true, false) => &row.transmitter,
            (false, true) => &row.receiver,
            _ => return None,
        };
        let way = u128::from(row.receiver == tag);
        // Levels of a store known by names are those of beacons.
        let louder_db = match self.places {
            Some(_) => 0.0,
            None => Air::default().at_1m_dbm - assumed.air.at_1m_dbm,
        };
        Some(Heard {
            radio: RadioId(Uuid::from_u128(way)),
            anchor: self.gateways.get(other)?.0,
            at_ms: row.ts_ms,
            rssi_dbm: row.rssi_dbm + louder_db,
        })
    }
}

impl Zone {
    fn middle(&self) -> Option<(f32, f32)> {
        self.x_m.zip(self.y_m)
    }
}

/// Places at most along each side of the ground; larger ground has larger places.
const PLACES_ALONG: f32 = 40.0;

impl Places {
    /// The ground in squares, each of the nearest zone.
    fn ground(&self, assumed: &Assumed) -> Vec<Patch> {
        let all = || self.zones.iter().chain(&self.gateways);
        let side = |of: fn(&(f32, f32)) -> f32| {
            let least = all().map(of).fold(f32::INFINITY, f32::min) - assumed.margin_m;
            let most = all().map(of).fold(f32::NEG_INFINITY, f32::max) + assumed.margin_m;
            (least, most - least)
        };
        let ((left_m, wide_m), (low_m, deep_m)) = (side(|at| at.0), side(|at| at.1));
        let place_m = assumed.place_m.max(wide_m.max(deep_m) / PLACES_ALONG);
        let count = |m: f32| (m / place_m).ceil().max(1.0) as usize;
        let middle = |n: usize| (n as f32 + 0.5) * place_m;
        let square = |n: usize| {
            let x_m = left_m + middle(n % count(wide_m));
            let y_m = low_m + middle(n / count(wide_m));
            let far = |&(x, y): &(f32, f32)| (x - x_m).hypot(y - y_m);
            let zone = (0..self.zones.len())
                .min_by(|&a, &b| far(&self.zones[a]).total_cmp(&far(&self.zones[b])))
                .map_or(OUTSIDE, |zone| zone as u16); // fewer than 1,000
            Patch {
                zone,
                x_m,
                y_m,
                wide_m: place_m,
                deep_m: place_m,
                door: true,
            }
        };
        (0..count(wide_m) * count(deep_m)).map(square).collect()
    }
}

/// How sure to be of a scene that nobody walked.
///
/// Of the maps that [`super::scenes`] learns on either recording, the lower one, and never more
/// than .985: sixteen people at two tables are not every scene.
fn measured() -> Confidence {
    Confidence::measured(&[
        (-1.0, 0.11),
        (-0.5, 0.24),
        (0.0, 0.45),
        (0.5, 0.67),
        (1.0, 0.84),
        (1.5, 0.93),
        (2.0, 0.97),
        (2.5, 0.985),
    ])
}

/// Chosen on four cuts of a lunch and a party together ([`super::scenes`]), out of 402 sets, most
/// of them at random around the best: right in .70 and .83 of the seconds of eight cuts. What is
/// best at the lunch alone is right in .79 of the party's, what is best at the party in .68 of the
/// lunch's. People there sit and stand; what so slow a walk costs with shoppers was not
/// measured.
impl Default for Assumed {
    fn default() -> Self {
        let air = Air {
            at_1m_dbm: -81.0,
            exponent: 2.8,
            sigma_db: 7.7,
            floor_dbm: -92.5,
            per_s: 0.15,
            ..Air::default()
        };
        Self {
            air,
            settings: Settings {
                tail: 20.0,
                strength_weight: 0.06,
                count_weight: 0.022,
                fresh_ms: 2_000,
                smooth_ms: 1_000,
                walk_m_s: 0.05,
                restart: 0.000_05,
                offset_sigma_db: 17.0,
                open_sigma_db: air.sigma_db,
                rate_prior: 20.0,
                ..Settings::default()
            },
            place_m: 1.0,
            margin_m: 6.0,
        }
    }
}
