//! The harness: `t.at(250).sight("anna", "door", -60)`, then what came of it.
//!
//! In: moments and things that happen at them, by short names. Out: outcomes, in one list.
//! Questions are answered when a test says so, with the facts that it gave for a customer.
//! Time stands at a large number, so that a test may look back before its zero.

use std::collections::{BTreeMap, BTreeSet};

use engine::{
    Input, Observation, Outcome, StoreEngine,
    campaign::{About, Audience, Campaign, Caps, Content, ProductRule, Schedule, Trigger, Words},
    input::{
        Anchor, Area, Candidate, Consent, IntentKind, Layout, MatchFacts, Order, OrderKind,
        OrderState, PastVisit, Place, Rules, Tap, TapAction, Told,
    },
    outcome::{Card, Choice, Decision, Question, Subject, TapAnswer, VisitChange, When},
};
use protocol::{CardId, CustomerId, OrderId, RadioId, StaffId};

/// The zero of every timeline, in Unix time.
pub(crate) const ZERO_MS: u64 = 1_700_000_000_000;

/// All switches on.
pub(crate) const ALL: Consent = Consent {
    arrival: true,
    messages: true,
    browsing: true,
    statistics: true,
};
/// Her order alone.
pub(crate) const ARRIVAL: Consent = Consent {
    arrival: true,
    messages: false,
    browsing: false,
    statistics: false,
};
/// Nothing.
pub(crate) const NOTHING: Consent = Consent {
    arrival: false,
    messages: false,
    browsing: false,
    statistics: false,
};

pub(crate) struct Timeline {
    pub(crate) engine: StoreEngine,
    pub(crate) now_ms: u64,
    /// Outcomes since the last `take`.
    pub(crate) news: Outcome,
    consents: BTreeMap<CustomerId, Consent>,
    radio: u128,
    facts: MatchFacts,
}

impl Timeline {
    /// Door and shoes, one anchor each, and bags at the far end; a visit begins at -70 dBm.
    pub(crate) fn store() -> Self {
        let mut t = Self {
            engine: StoreEngine::new("kade-9".parse().unwrap()),
            now_ms: ZERO_MS,
            news: Outcome::default(),
            consents: BTreeMap::new(),
            radio: 0,
            facts: facts(),
        };
        t.input(&Input::Layout(layout(
            &["door", "shoes", "bags"],
            Rules::default(),
        )));
        t.campaigns(&[usual()]);
        t
    }

    /// These are published, and no others.
    pub(crate) fn campaigns(&mut self, campaigns: &[Campaign]) -> &mut Self {
        let campaigns = campaigns.to_vec();
        self.input(&Input::Campaigns { campaigns })
    }

    /// Door and shoes side by side along the street, bags behind them; 20 m by 14 m, as a plan has it.
    pub(crate) fn drawn() -> Self {
        let mut t = Self::store();
        t.input(&Input::Layout(drawn()));
        t
    }

    /// Moves time on, with every tick that is due on the way.
    pub(crate) fn at(&mut self, ms: u64) -> &mut Self {
        let until_ms = ZERO_MS + ms;
        while let Some(due_ms) = self.engine.due_at().filter(|&due_ms| due_ms <= until_ms) {
            self.now_ms = self.now_ms.max(due_ms);
            self.input(&Input::Tick);
        }
        self.at_without_ticks(ms)
    }

    /// Moves time on; the server was down and nobody ticked.
    pub(crate) fn at_without_ticks(&mut self, ms: u64) -> &mut Self {
        self.now_ms = self.now_ms.max(ZERO_MS + ms);
        self
    }

    pub(crate) fn input(&mut self, input: &Input) -> &mut Self {
        let outcome = self.engine.step(self.now_ms, input);
        let news = &mut self.news;
        news.visits.extend(outcome.visits);
        news.cards.extend(outcome.cards);
        news.decisions.extend(outcome.decisions);
        news.deliveries.extend(outcome.deliveries);
        news.held.extend(outcome.held);
        news.released.extend(outcome.released);
        news.cancelled.extend(outcome.cancelled);
        news.completed.extend(outcome.completed);
        news.over.extend(outcome.over);
        news.calls.extend(outcome.calls);
        news.questions.extend(outcome.questions);
        news.tap = outcome.tap.or(news.tap.take());
        news.refused.unknown_anchor += outcome.refused.unknown_anchor;
        news.refused.no_consent += outcome.refused.no_consent;
        news.refused.implausible += outcome.refused.implausible;
        news.refused.shed += outcome.refused.shed;
        self
    }

    /// These anchors hear nothing from here on, all others do.
    pub(crate) fn deaf(&mut self, anchors: &[&str]) -> &mut Self {
        let anchors = anchors.iter().map(|id| id.parse().unwrap()).collect();
        self.input(&Input::Deaf { anchors })
    }

    /// What she agrees to from here on, on every sighting; without a word to the engine.
    pub(crate) fn agrees(&mut self, who: &str, consent: Consent) -> &mut Self {
        self.consents.insert(customer(who), consent);
        self
    }

    /// She moves her switches.
    pub(crate) fn consent(&mut self, who: &str, consent: Consent) -> &mut Self {
        self.agrees(who, consent);
        self.input(&Input::Consent {
            customer: customer(who),
            consent,
        })
    }

    /// The radio of the sightings that follow: 0 her phone, 1 her fob.
    pub(crate) fn radio(&mut self, radio: u128) -> &mut Self {
        self.radio = radio;
        self
    }

    pub(crate) fn observation(&self, who: &str, anchor: &str, rssi_dbm: i8) -> Observation {
        let customer = customer(who);
        Observation {
            customer,
            radio: RadioId(uuid(self.radio)),
            anchor: anchor.parse().unwrap(),
            heard_first_ms: self.now_ms,
            heard_last_ms: self.now_ms,
            count: 4,
            rssi_dbm,
            certain: false,
            late: false,
            consent: self.consents.get(&customer).copied().unwrap_or(ALL),
        }
    }

    pub(crate) fn hear(&mut self, sightings: &[Observation]) -> &mut Self {
        self.input(&Input::Sightings {
            sightings: sightings.to_vec(),
        })
    }

    pub(crate) fn sight(&mut self, who: &str, anchor: &str, rssi_dbm: i8) -> &mut Self {
        self.hear(&[self.observation(who, anchor, rssi_dbm)])
    }

    /// A sighting that took its time: heard at `heard_ms`, told now.
    pub(crate) fn sight_heard_at(
        &mut self,
        heard_ms: u64,
        who: &str,
        anchor: &str,
        rssi_dbm: i8,
    ) -> &mut Self {
        let heard_ms = ZERO_MS + heard_ms;
        let seen = self.observation(who, anchor, rssi_dbm);
        self.hear(&[Observation {
            heard_first_ms: heard_ms,
            heard_last_ms: heard_ms,
            ..seen
        }])
    }

    /// "Ik ben er."
    pub(crate) fn here(&mut self, who: &str, anchor: &str) -> &mut Self {
        let seen = self.observation(who, anchor, 0);
        self.hear(&[Observation {
            certain: true,
            ..seen
        }])
    }

    /// One sighting a second from here to `until_ms`.
    pub(crate) fn stays(
        &mut self,
        who: &str,
        anchor: &str,
        rssi_dbm: i8,
        until_ms: u64,
    ) -> &mut Self {
        let from_ms = self.now_ms - ZERO_MS;
        for ms in (from_ms..=until_ms).step_by(1_000) {
            self.at(ms).sight(who, anchor, rssi_dbm);
        }
        self
    }

    /// An hour-old backlog: heard from `from_ms` to `until_ms`, once a second.
    pub(crate) fn late(
        &mut self,
        who: &str,
        anchor: &str,
        rssi_dbm: i8,
        from_ms: u64,
        until_ms: u64,
    ) -> &mut Self {
        let seen = self.observation(who, anchor, rssi_dbm);
        let heard = |ms: u64| Observation {
            heard_first_ms: ZERO_MS + ms,
            heard_last_ms: ZERO_MS + ms,
            late: true,
            ..seen.clone()
        };
        let backlog: Vec<_> = (from_ms..=until_ms).step_by(1_000).map(heard).collect();
        self.hear(&backlog)
    }

    /// What the server will answer about everybody.
    pub(crate) fn facts(&mut self, change: impl FnOnce(&mut MatchFacts)) -> &mut Self {
        change(&mut self.facts);
        self
    }

    /// Answers the questions about zones that are open.
    pub(crate) fn answer(&mut self) -> &mut Self {
        for question in std::mem::take(&mut self.news.questions) {
            if let Question::Match {
                customer,
                visit,
                moment,
                ..
            } = question
            {
                let facts = self.facts.clone();
                self.input(&Input::Match {
                    customer,
                    visit,
                    moment,
                    facts,
                });
            }
        }
        self
    }

    /// Answers the questions about history that are open with these visits.
    pub(crate) fn answer_history(&mut self, visits: &[PastVisit]) -> &mut Self {
        for question in std::mem::take(&mut self.news.questions) {
            if let Question::History { customer, late } = question {
                self.input(&Input::History {
                    customer,
                    late,
                    visits: visits.to_vec(),
                });
            }
        }
        self
    }

    pub(crate) fn order(&mut self, who: &str, number: u128, state: OrderState) -> &mut Self {
        self.input(&Input::Order(Order {
            order: order(number),
            customer: customer(who),
            state,
            code: format!("code-{number}"),
            kind: OrderKind::ClickAndCollect,
            as_of_ms: 0,
            due_ms: None,
            age_checked: false,
            share_code: None,
        }))
    }

    /// A colleague's tap on the card that was shown last.
    pub(crate) fn tap(&mut self, staff_name: &str, action: TapAction) -> TapAnswer {
        let card = self.card().card;
        self.tap_on(card, staff_name, action)
    }

    pub(crate) fn tap_on(
        &mut self,
        card: CardId,
        staff_name: &str,
        action: TapAction,
    ) -> TapAnswer {
        self.input(&Input::Tap(Tap {
            card,
            staff: staff(staff_name),
            action,
        }));
        self.news.tap.clone().unwrap()
    }

    /// The card that was shown last.
    pub(crate) fn card(&self) -> Card {
        self.news.cards.last().expect("a card").clone()
    }

    /// The decision that was made last.
    pub(crate) fn decision(&self) -> Decision {
        self.news.decisions.last().expect("a decision").clone()
    }

    /// What was chosen, in short: the product, or the reason.
    pub(crate) fn chosen(&self) -> String {
        match self.decision().choice {
            Choice::Notify { subject, .. } => named(&subject),
            Choice::Suppress { reason } => format!("{reason:?}"),
        }
    }

    /// Visit changes since the last look, in short, with times from zero.
    pub(crate) fn told(&mut self) -> Vec<String> {
        std::mem::take(&mut self.news.visits)
            .iter()
            .map(short)
            .collect()
    }

    pub(crate) fn expect(&mut self, expected: &[&str]) -> &mut Self {
        assert_eq!(self.told(), expected, "at {} ms", self.now_ms - ZERO_MS);
        self
    }
}

/// A subject in short.
pub(crate) fn named(subject: &Subject) -> String {
    match subject {
        Subject::Product { sku } => sku.to_string(),
        Subject::Reward { .. } => "reward".into(),
        Subject::Store => "store".into(),
    }
}

fn short(change: &VisitChange) -> String {
    let ms = |at: u64| at as i64 - ZERO_MS as i64;
    match change {
        VisitChange::Entered {
            entered_ms,
            late: true,
            ..
        } => {
            format!("late visit from {}", ms(*entered_ms))
        }
        VisitChange::Entered { entered_ms, .. } => format!("entered {}", ms(*entered_ms)),
        VisitChange::ZoneEntered { zone, from_ms, .. } => format!("{zone} {}", ms(*from_ms)),
        VisitChange::ZoneLost { from_ms, .. } => format!("nowhere {}", ms(*from_ms)),
        VisitChange::Left { left_ms, .. } => format!("left {}", ms(*left_ms)),
        VisitChange::Revised {
            entered_ms,
            left_ms: None,
            ..
        } => {
            format!("revised {}..", ms(*entered_ms))
        }
        VisitChange::Revised {
            entered_ms,
            left_ms: Some(left_ms),
            ..
        } => {
            format!("revised {}..{}", ms(*entered_ms), ms(*left_ms))
        }
        VisitChange::Erased { .. } => "erased".into(),
    }
}

/// One anchor in each zone, of the same name.
pub(crate) fn layout(zones: &[&str], rules: Rules) -> Layout {
    let anchor = |zone: &&str| {
        let spot = Anchor {
            zone: zone.parse().unwrap(),
            enter_rssi_dbm: -70,
            place: None,
            beacon: false,
        };
        (zone.parse().unwrap(), spot)
    };
    Layout {
        anchors: zones.iter().map(anchor).collect(),
        rules,
        ..Layout::default()
    }
}

/// Each zone with its anchor in the middle; the door is in the south.
pub(crate) fn drawn() -> Layout {
    let zones = [
        ("door", 0, 0, 1_000, 600),
        ("shoes", 1_000, 0, 1_000, 600),
        ("bags", 0, 600, 2_000, 800),
    ];
    let mut layout = layout(&zones.map(|zone| zone.0), Rules::default());
    for (name, x_cm, y_cm, wide_cm, deep_cm) in zones {
        let area = Area {
            corner: Place { x_cm, y_cm },
            wide_cm,
            deep_cm,
            door: name == "door",
        };
        layout.areas.insert(name.parse().unwrap(), area);
        let anchor = layout.anchors.get_mut(&name.parse().unwrap()).unwrap();
        anchor.enter_rssi_dbm = -80;
        anchor.place = Some(Place {
            x_cm: x_cm + wide_cm as i32 / 2,
            y_cm: y_cm + deep_cm as i32 / 2,
        });
    }
    layout
}

pub(crate) fn facts() -> MatchFacts {
    MatchFacts {
        consent: ALL,
        candidates: Vec::new(),
        rewards: Vec::new(),
        told: Vec::new(),
        counts: Vec::new(),
        tier: None,
        visit_number: 3,
        language: "nl".into(),
        given_name: true,
        paused: false,
        muted_topics: BTreeSet::new(),
        waits_for_order: false,
        in_two_stores: false,
        today_from_ms: ZERO_MS - 12 * 3_600_000,
        local_minute: 12 * 60,
        weekday: 3,
    }
}

/// What most shops begin with: of what she did online the best that stands in this zone.
pub(crate) fn usual() -> Campaign {
    let words = Words {
        title: "{product}".parse().unwrap(),
        body: "{place}".parse().unwrap(),
    };
    Campaign {
        campaign: uuid(0xca),
        version: 1,
        topic: "wishlist".into(),
        trigger: Trigger {
            when: When::Enter,
            zones: BTreeSet::new(),
            stores: BTreeSet::new(),
        },
        about: About::Product(ProductRule::default()),
        audience: Audience::default(),
        schedule: Schedule::default(),
        priority: 0,
        confidence_permille: 0,
        caps: Caps::default(),
        cool_down_ms: 0,
        relevant_ms: 120_000,
        holdout_permille: 0,
        content: Content(
            ["nl", "en"]
                .map(|lang| (lang.to_owned(), words.clone()))
                .into(),
        ),
    }
}

/// A message of this campaign about this product, so long before zero, in another visit.
pub(crate) fn told(campaign: &Campaign, sku: &str, ago_ms: u64) -> Told {
    Told {
        decision: uuid(u128::from(ago_ms) + 1),
        campaign: campaign.campaign,
        sku: Some(sku.parse().unwrap()),
        visit: uuid(0xff),
        at_ms: ZERO_MS - ago_ms,
    }
}

/// Something done one day before zero, to be had here.
pub(crate) fn candidate(sku: &str, intent: IntentKind, zone: &str) -> Candidate {
    Candidate {
        sku: sku.parse().unwrap(),
        intent,
        views: 1,
        last_ms: ZERO_MS - 86_400_000,
        read_ms: None,
        zone: Some(zone.parse().unwrap()),
        shelf: None,
        stock: 3,
        back_ms: None,
        price_minor: 12_900,
        wished_price_minor: None,
        affinity: 0.0,
    }
}

/// The same name, the same customer.
pub(crate) fn customer(name: &str) -> CustomerId {
    CustomerId(uuid(name.bytes().fold(1, |n, b| n * 256 + u128::from(b))))
}

pub(crate) fn staff(name: &str) -> StaffId {
    StaffId(customer(name).0)
}

pub(crate) fn order(number: u128) -> OrderId {
    OrderId(uuid(number))
}

fn uuid<T: std::str::FromStr<Err: std::fmt::Debug>>(number: u128) -> T {
    format!("{number:032x}").parse().unwrap()
}
