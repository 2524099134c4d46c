//! What is kept of her, in her words and grouped by why.
//!
//! In: an export. Out: the sections of the page, newest first in each.
//! Pure. Invariant: what stands here stands in the copy too; a word of the machine's that has none
//! of hers is shown as it is.

use std::collections::BTreeMap;

use crate::{
    store::export::{
        Decision, Device, Earned, Export, Message, Mute, Online, Order, Purchase, Stamp, Visit,
    },
    web::{
        i18n::{Lang, Money, Texts},
        kept::{GroupView, RowView, SectionView},
    },
};

const MINUTE_MS: u64 = 60_000;
/// Of prices that were kept without one.
const CURRENCY: &str = "EUR";

/// The page's sections.
pub(super) fn sections(t: &Texts, export: &Export, now_ms: u64) -> Vec<SectionView> {
    let teller = Teller { t, export, now_ms };
    let section = |heading: &str, groups: Vec<GroupView>| SectionView {
        heading: t.get(heading),
        groups,
    };
    vec![
        section(
            "kept-because-customer",
            vec![
                teller.group("naam", "kept-who", "kept-who-until", teller.who()),
                teller.group("ja", "kept-consent", "kept-consent-until", teller.consent()),
                teller.group(
                    "toestellen",
                    "kept-phones",
                    "kept-phones-until",
                    teller.phones(),
                ),
                teller.group(
                    "stempelkaart",
                    "kept-stamps",
                    "kept-stamps-until",
                    teller.stamps(),
                ),
                teller.group(
                    "instellingen",
                    "kept-settings",
                    "kept-settings-until",
                    teller.settings(),
                ),
            ],
        ),
        section(
            "kept-because-order",
            vec![teller.group(
                "bestellingen",
                "kept-orders",
                "kept-orders-until",
                teller.orders(),
            )],
        ),
        section(
            "kept-because-browsing",
            vec![
                GroupView {
                    can_forget: !export.online.is_empty() || !export.categories.is_empty(),
                    ..teller.group(
                        "online",
                        "kept-online",
                        "kept-online-until",
                        teller.online(),
                    )
                },
                teller.group(
                    "aankopen",
                    "kept-bought",
                    "kept-bought-until",
                    teller.purchases(),
                ),
            ],
        ),
        section(
            "kept-because-visit",
            vec![
                teller.group(
                    "bezoeken",
                    "kept-visited",
                    "kept-visited-until",
                    teller.visits(),
                ),
                teller.group(
                    "berichten",
                    "kept-told",
                    "kept-told-until",
                    teller.messages(),
                ),
                teller.group(
                    "stil",
                    "kept-silent",
                    "kept-silent-until",
                    teller.silences(),
                ),
            ],
        ),
        section(
            "kept-because-others",
            vec![
                teller.group(
                    "doorgegeven",
                    "kept-others",
                    "kept-others-until",
                    teller.others(),
                ),
                teller.group(
                    "verzoeken",
                    "kept-tasks",
                    "kept-tasks-until",
                    teller.tasks(),
                ),
            ],
        ),
    ]
}

struct Teller<'a> {
    t: &'a Texts,
    export: &'a Export,
    now_ms: u64,
}

fn newest_first(mut rows: Vec<(u64, RowView)>) -> Vec<RowView> {
    rows.sort_by_key(|(at_ms, _)| std::cmp::Reverse(*at_ms));
    rows.into_iter().map(|(_, row)| row).collect()
}

impl Teller<'_> {
    fn group(&self, id: &'static str, title: &str, until: &str, rows: Vec<RowView>) -> GroupView {
        GroupView {
            id,
            title: self.t.get(title),
            until: self.t.get(until),
            rows,
            can_forget: false,
        }
    }

    fn at(&self, at_ms: u64) -> String {
        self.t.moment_ever(at_ms, self.now_ms)
    }

    fn row(&self, at_ms: u64, what: String, facts: Vec<String>) -> RowView {
        let when = self.at(at_ms);
        RowView { what, when, facts }
    }

    fn name(&self, of: &str, store: Option<&str>, id: &str) -> String {
        let names = self.export.names.iter();
        let mut here = names.filter(|name| name.of == of && name.id == id);
        let found = here.find(|name| store.is_none() || name.store.as_deref() == store);
        let said = found.map(|name| match self.t.lang {
            Lang::Nl => name.nl.clone(),
            Lang::En => name.en.clone(),
        });
        said.unwrap_or_else(|| id.to_owned())
    }

    fn store(&self, store: &str) -> String {
        self.name("store", None, store)
    }

    fn product(&self, sku: &str) -> String {
        self.name("product", None, sku)
    }

    fn money(&self, minor: u64, currency: &str) -> String {
        self.t.money(&Money {
            minor: i64::try_from(minor).unwrap_or(i64::MAX),
            currency: currency.to_owned(),
        })
    }

    fn who(&self) -> Vec<RowView> {
        let who = &self.export.customer;
        let plain = |what: String| RowView {
            what,
            ..RowView::default()
        };
        let names = [
            who.salutation.as_deref(),
            Some(&who.given_name),
            Some(&who.family_name),
        ];
        let names: Vec<&str> = names.into_iter().flatten().collect();
        let lang = Lang::from_code(&who.language).unwrap_or_default();
        vec![
            plain(names.join(" ")),
            plain(
                self.t
                    .with("kept-number", "number", who.external_id.as_str()),
            ),
            plain(self.t.with("kept-language", "language", lang.name())),
            self.row(who.created_ms, self.t.get("kept-since"), Vec::new()),
        ]
    }

    fn purpose(&self, purpose: &str) -> String {
        match purpose {
            "arrival" => self.t.get("consent-arrival"),
            "messages" => self.t.get("consent-messages"),
            "browsing" => self.t.get("consent-browsing"),
            "statistics" => self.t.get("consent-statistics"),
            other => other.to_owned(),
        }
    }

    fn consent(&self) -> Vec<RowView> {
        let entries = self.export.consent.iter().rev();
        entries
            .map(|entry| {
                let purpose = self.purpose(&entry.purpose);
                let what = match entry.granted {
                    true => self.t.with("kept-yes", "what", purpose),
                    false => self.t.with("kept-no", "what", purpose),
                };
                let place = match entry.source.as_str() {
                    "app" => self.t.get("kept-in-app"),
                    "page" => self.t.get("kept-on-page"),
                    "import" => self.t.get("kept-by-import"),
                    other => other.to_owned(),
                };
                let words = self
                    .t
                    .with("kept-words", "version", entry.text_version.as_str());
                self.row(entry.at_ms, what, vec![format!("{place}. {words}")])
            })
            .collect()
    }

    fn phones(&self) -> Vec<RowView> {
        let t = self.t;
        let device = |device: &Device| {
            let what = match device.platform.as_str() {
                "android" => t.get("kept-android"),
                "ios" => t.get("kept-ios"),
                "fob" => t.get("kept-fob"),
                other => other.to_owned(),
            };
            let radios = device.radios.len() as u64;
            let row = self.row(
                device.created_ms,
                what,
                vec![t.count("kept-radios", radios)],
            );
            (device.created_ms, row)
        };
        let mut rows: Vec<_> = self.export.devices.iter().map(device).collect();
        for address in &self.export.push_addresses {
            let what = match address.kind.as_str() {
                "web_push" => t.get("kept-wake-browser"),
                _ => t.get("kept-wake-app"),
            };
            let at_ms = address.registered_ms;
            rows.push((at_ms, self.row(at_ms, what, Vec::new())));
        }
        let (sessions, links) = (&self.export.sessions, &self.export.page_links);
        for (open, key) in [(sessions, "kept-session"), (links, "kept-link")] {
            for one in open {
                let until = t.with("kept-until", "when", self.at(one.expires_ms));
                let row = RowView {
                    what: t.get(key),
                    when: until,
                    facts: Vec::new(),
                };
                rows.push((one.expires_ms, row));
            }
        }
        for code in &self.export.enrolments {
            let row = match code.used_ms {
                Some(at_ms) => self.row(at_ms, t.get("kept-code-used"), Vec::new()),
                None => RowView {
                    what: t.get("kept-code"),
                    when: t.with("kept-until", "when", self.at(code.expires_ms)),
                    facts: Vec::new(),
                },
            };
            rows.push((code.used_ms.unwrap_or(code.expires_ms), row));
        }
        newest_first(rows)
    }

    fn settings(&self) -> Vec<RowView> {
        let t = self.t;
        let mute = |mute: &Mute| RowView {
            what: match mute.kind.as_str() {
                "pause" => t.get("kept-mute-pause"),
                "store" => t.with("kept-mute-store", "store", self.store(&mute.value)),
                _ => t.with("kept-mute-topic", "topic", mute.value.as_str()),
            },
            when: match mute.until_ms {
                Some(until_ms) => t.with("kept-until", "when", self.at(until_ms)),
                None => String::new(),
            },
            facts: Vec::new(),
        };
        let mut rows: Vec<_> = self.export.mutes.iter().map(mute).collect();
        if let Some(channels) = &self.export.channels {
            let said = |channel: &String| match channel.as_str() {
                "in_app" => t.get("kept-channel-in-app"),
                "web_push" => t.get("kept-channel-browser"),
                "fcm" | "apns" => t.get("kept-channel-app"),
                other => other.to_owned(),
            };
            let channels: Vec<String> = channels.iter().map(said).collect();
            rows.push(RowView {
                what: t.with("kept-channels", "channels", channels.join(", ")),
                ..RowView::default()
            });
        }
        rows
    }

    fn orders(&self) -> Vec<RowView> {
        let t = self.t;
        let order = |order: &Order| {
            let state = match order.state.as_str() {
                "placed" => t.get("order-placed"),
                "ready" => t.get("order-ready"),
                "delayed" => t.get("order-delayed"),
                "cancelled" => t.get("order-cancelled"),
                "completed" => t.get("order-completed"),
                other => other.to_owned(),
            };
            let what = format!("{}, {state}", order.external_id);
            let lines = order.lines.iter();
            let lines =
                lines.map(|line| format!("{} × {}", line.quantity, self.product(&line.sku)));
            let mut facts: Vec<String> = lines.collect();
            facts.push(t.with2(
                "kept-order-at",
                "store",
                self.store(&order.store),
                "code",
                order.code.as_str(),
            ));
            (order.created_ms, self.row(order.created_ms, what, facts))
        };
        let mut rows: Vec<_> = self.export.orders.iter().map(order).collect();
        for card in &self.export.cards {
            let what = t.with("kept-card", "store", self.store(&card.store));
            rows.push((card.arrived_ms, self.row(card.arrived_ms, what, Vec::new())));
        }
        newest_first(rows)
    }

    fn did(&self, did: &str) -> String {
        let t = self.t;
        match did {
            "viewed" => t.get("kept-did-viewed"),
            "wishlisted" => t.get("kept-did-wishlisted"),
            "unwishlisted" => t.get("kept-did-unwishlisted"),
            "carted" => t.get("kept-did-carted"),
            "uncarted" => t.get("kept-did-uncarted"),
            "ordered" => t.get("kept-did-ordered"),
            "read" => t.get("kept-did-read"),
            other => other.to_owned(),
        }
    }

    fn online(&self) -> Vec<RowView> {
        let one = |one: &Online| {
            let price = one.price_minor.map(|minor| {
                let price = self.money(minor, CURRENCY);
                self.t.with("kept-price-then", "price", price)
            });
            let mut facts = vec![self.did(&one.did)];
            facts.extend(price);
            let row = self.row(one.at_ms, self.product(&one.sku), vec![facts.join(", ")]);
            (one.at_ms, row)
        };
        let mut rows: Vec<_> = self.export.online.iter().map(one).collect();
        for one in &self.export.categories {
            let facts = vec![self.t.get("kept-did-category")];
            rows.push((one.at_ms, self.row(one.at_ms, one.category.clone(), facts)));
        }
        newest_first(rows)
    }

    fn purchases(&self) -> Vec<RowView> {
        let t = self.t;
        let purchase = |purchase: &Purchase| {
            let place = match &purchase.store {
                Some(store) => self.store(store),
                None => t.get("kept-bought-online"),
            };
            let currency = purchase.currency.as_deref().unwrap_or(CURRENCY);
            let total = purchase
                .total_minor
                .map(|minor| self.money(minor, currency));
            let state = match purchase.state.as_str() {
                "bought" => None,
                "cancelled" => Some(t.get("kept-cancelled")),
                "refunded" => Some(t.get("kept-refunded")),
                other => Some(other.to_owned()),
            };
            let what: Vec<String> = [Some(place), total, state].into_iter().flatten().collect();
            let lines = purchase.lines.iter();
            let lines =
                lines.map(|line| format!("{} × {}", line.quantity, self.product(&line.sku)));
            let mut facts = vec![t.with("kept-receipt", "number", purchase.receipt.as_str())];
            facts.extend(lines);
            let row = RowView {
                what: what.join(", "),
                when: purchase
                    .at_ms
                    .map(|at_ms| self.at(at_ms))
                    .unwrap_or_default(),
                facts,
            };
            (purchase.at_ms.unwrap_or(0), row)
        };
        newest_first(self.export.purchases.iter().map(purchase).collect())
    }

    fn stamps(&self) -> Vec<RowView> {
        let t = self.t;
        let Some(card) = &self.export.stamp_card else {
            return Vec::new();
        };
        let joined = RowView {
            what: t.get("kept-joined"),
            when: self.at(card.joined_ms),
            facts: vec![t.with("kept-words", "version", card.text_version.as_str())],
        };
        let stamp = |stamp: &Stamp| {
            let what = match stamp.kind.as_str() {
                "visit" => t.get("kept-stamp-visit"),
                "check_in" => t.get("kept-stamp-check-in"),
                "purchase_online" => t.get("kept-stamp-online"),
                "purchase_store" => t.get("kept-stamp-store"),
                other => other.to_owned(),
            };
            let place = stamp.store.as_deref().map(|store| self.store(store));
            let called_off = stamp.undone.then(|| t.get("kept-cancelled"));
            let total = stamp.total_minor.zip(stamp.currency.as_deref());
            let total = total.map(|(minor, currency)| self.money(minor, currency));
            let row = RowView {
                what: [Some(what), place]
                    .into_iter()
                    .flatten()
                    .collect::<Vec<_>>()
                    .join(", "),
                when: self.at(stamp.at_ms),
                facts: total.into_iter().chain(called_off).collect(),
            };
            (stamp.at_ms, row)
        };
        let reward = |reward: &Earned| {
            let name = if t.lang == Lang::Nl {
                &reward.nl
            } else {
                &reward.en
            };
            let given = reward
                .redeemed_ms
                .map(|at_ms| t.with("kept-given", "when", self.at(at_ms)));
            let until = t.with("kept-until", "when", self.at(reward.expires_ms));
            let row = RowView {
                what: t.with("kept-earned", "what", name.as_str()),
                when: self.at(reward.earned_ms),
                facts: vec![given.unwrap_or(until)],
            };
            (reward.earned_ms, row)
        };
        let rows = card.moments.iter().map(stamp);
        let mut rows: Vec<_> = rows.chain(card.rewards.iter().map(reward)).collect();
        rows.push((card.joined_ms, joined));
        newest_first(rows)
    }

    fn lasting(&self, from_ms: u64, to_ms: Option<u64>) -> String {
        match to_ms {
            Some(to_ms) => {
                let minutes = to_ms.saturating_sub(from_ms).div_ceil(MINUTE_MS);
                self.t.count("kept-minutes", minutes)
            }
            None => self.t.get("kept-still"),
        }
    }

    fn visits(&self) -> Vec<RowView> {
        let t = self.t;
        let visit = |visit: &Visit| {
            let lasted = self.lasting(visit.entered_ms, visit.left_ms);
            let mut facts = Vec::new();
            for stay in &visit.zones {
                let zone = self.name("zone", Some(&visit.store), &stay.zone);
                let lasted = self.lasting(stay.from_ms, stay.to_ms);
                facts.push(format!("{} {zone}, {lasted}", t.clock(stay.from_ms)));
            }
            facts.push(t.with("kept-visit-for", "what", self.purpose(&visit.purpose)));
            let what = format!("{}, {lasted}", self.store(&visit.store));
            (visit.entered_ms, self.row(visit.entered_ms, what, facts))
        };
        let mut rows: Vec<_> = self.export.visits.iter().map(visit).collect();
        for walk in &self.export.walks {
            let what = t.with("kept-walk", "store", self.store(&walk.store));
            rows.push((walk.begun_ms, self.row(walk.begun_ms, what, Vec::new())));
        }
        newest_first(rows)
    }

    fn messages(&self) -> Vec<RowView> {
        let t = self.t;
        let message = |message: &Message| {
            let what = match &message.said {
                Some(said) => format!("{}: {}", said.title, said.body),
                None if message.class == "service" => t.get("kept-service"),
                None => t.get("kept-without-words"),
            };
            let fate = match (message.state.as_str(), message.displayed_ms) {
                ("sent", Some(at_ms)) => t.with("kept-shown", "when", self.at(at_ms)),
                ("sent", None) => t.get("kept-sent"),
                ("pending" | "sending", _) => t.get("kept-waits"),
                _ => t.get("kept-not-sent"),
            };
            let mut facts = vec![fate];
            if let Some(said) = &message.said {
                facts.extend(said.why.iter().cloned());
            }
            (
                message.created_ms,
                self.row(message.created_ms, what, facts),
            )
        };
        newest_first(self.export.messages.iter().map(message).collect())
    }

    /// How often nothing was said, by reason: each moment by itself is in the copy.
    fn silences(&self) -> Vec<RowView> {
        let mut by_reason: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        let silent = |one: &&Decision| one.choice == "suppress";
        for one in self.export.decisions.iter().filter(silent) {
            let reason = one.reason.as_deref().unwrap_or_default();
            let (times, last_ms) = by_reason.entry(reason).or_default();
            *times += 1;
            *last_ms = one.decided_ms.max(*last_ms);
        }
        let row = |(reason, (times, last_ms)): (&str, (u64, u64))| {
            let known = serde_json::from_value(serde_json::Value::String(reason.to_owned()));
            let what = known.map_or_else(|_| reason.to_owned(), |known| self.t.reason(known));
            let last = self.t.with("kept-last", "when", self.at(last_ms));
            let row = RowView {
                what,
                when: last,
                facts: vec![self.t.count("kept-times", times)],
            };
            (last_ms, row)
        };
        newest_first(by_reason.into_iter().map(row).collect())
    }

    fn others(&self) -> Vec<RowView> {
        let told = self.export.told_to_others.iter().map(|told| {
            let what = match told.event.as_str() {
                "message.sent" => self.t.get("kept-event-message"),
                "visit.entered" => self.t.get("kept-event-entered"),
                "visit.left" => self.t.get("kept-event-left"),
                "card.arrived" => self.t.get("kept-event-arrived"),
                "journey.waiting" => self.t.get("kept-event-waiting"),
                "journey.departed_unserved" => self.t.get("kept-event-unserved"),
                "journey.escalated" => self.t.get("kept-event-escalated"),
                "order.completed" => self.t.get("kept-event-completed"),
                "return.accepted" => self.t.get("kept-event-returned"),
                other => other.to_owned(),
            };
            let to = self
                .t
                .with("kept-event-to", "receiver", told.receiver.as_str());
            (told.created_ms, self.row(told.created_ms, what, vec![to]))
        });
        newest_first(told.collect())
    }

    fn tasks(&self) -> Vec<RowView> {
        let tasks = self.export.tasks.iter().map(|task| {
            let what = match task.kind.as_str() {
                "data_request" => self.t.get("kept-task-data"),
                other => other.to_owned(),
            };
            let fact = match task.done_ms {
                Some(at_ms) => self.t.with("kept-task-done", "when", self.at(at_ms)),
                None => self.t.get("kept-task-open"),
            };
            (task.at_ms, self.row(task.at_ms, what, vec![fact]))
        });
        newest_first(tasks.collect())
    }
}
