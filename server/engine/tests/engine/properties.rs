//! What holds for any inputs in any order.

use std::collections::{BTreeMap, BTreeSet};

use engine::{
    Input, Observation, Outcome, StoreEngine,
    campaign::{About, Campaign, Caps, ProductRule, Trigger},
    input::{
        Consent, IntentKind, Order, OrderKind, OrderState, PastVisit, Rules, Tap, TapAction, Told,
    },
    outcome::{Choice, Question, VisitChange, When},
};
use proptest::prelude::*;
use protocol::{CardId, CustomerId, RadioId, VisitId};

use crate::timeline::{ZERO_MS, candidate, customer, facts, layout, order, staff, usual};

const NAMES: [&str; 3] = ["anna", "bea", "carla"];
const ZONES: [&str; 3] = ["door", "shoes", "bags"];
const ORDER_STATES: [OrderState; 5] = [
    OrderState::Placed,
    OrderState::Ready,
    OrderState::Delayed,
    OrderState::Cancelled,
    OrderState::Completed,
];

/// Something that happens, some milliseconds after the last.
#[derive(Debug, Clone)]
enum Event {
    Sight {
        who: usize,
        zone: usize,
        rssi_dbm: i8,
        ago_ms: u64,
        certain: bool,
        late: bool,
    },
    Tick,
    Answer {
        how_many: usize,
    },
    Consent {
        who: usize,
        bits: u8,
    },
    Order {
        who: usize,
        number: u128,
        state: usize,
    },
    Tap {
        action: usize,
    },
    Layout {
        zones: usize,
    },
    Deaf {
        zone: usize,
    },
    Forget {
        who: usize,
    },
}

fn event() -> impl Strategy<Value = (u64, Event)> {
    let what = prop_oneof![
        30 => (0..3usize, 0..3usize, -95..-40i8, 0..3_000u64, 0..20u8, 0..20u8).prop_map(
            |(who, zone, rssi_dbm, ago_ms, certain, late)| {
                let (certain, late) = (certain == 0, late == 0);
                Event::Sight { who, zone, rssi_dbm, ago_ms, certain, late }
            }
        ),
        6 => Just(Event::Tick),
        6 => (0..4usize).prop_map(|how_many| Event::Answer { how_many }),
        1 => (0..3usize, 0..16u8).prop_map(|(who, bits)| Event::Consent { who, bits }),
        3 => (0..3usize, 0..4u128, 0..5usize)
            .prop_map(|(who, number, state)| Event::Order { who, number, state }),
        3 => (0..5usize).prop_map(|action| Event::Tap { action }),
        1 => (1..=3usize).prop_map(|zones| Event::Layout { zones }),
        1 => (0..4usize).prop_map(|zone| Event::Deaf { zone }),
        1 => (0..3usize).prop_map(|who| Event::Forget { who }),
    ];
    (prop_oneof![8 => 0..1_500u64, 1 => 0..400_000u64], what)
}

fn events() -> impl Strategy<Value = Vec<(u64, Event)>> {
    prop::collection::vec(event(), 0..150)
}

/// The server's part: keeps questions, visits and messages, and turns events into inputs.
#[derive(Default)]
struct Server {
    questions: Vec<Question>,
    told: BTreeMap<CustomerId, Vec<Told>>,
    visits: BTreeMap<VisitId, (CustomerId, PastVisit)>,
    consents: BTreeMap<CustomerId, Consent>,
    cards: Vec<CardId>,
}

impl Server {
    fn consent(&self, who: CustomerId) -> Consent {
        self.consents
            .get(&who)
            .copied()
            .unwrap_or(crate::timeline::ALL)
    }

    fn inputs(&mut self, now_ms: u64, event: &Event) -> Vec<Input> {
        match event {
            Event::Tick => vec![Input::Tick],
            Event::Layout { zones } => {
                vec![Input::Layout(layout(&ZONES[..*zones], Rules::default()))]
            }
            Event::Deaf { zone } => {
                let one = ZONES.get(*zone).map(|zone| zone.parse().unwrap());
                vec![Input::Deaf {
                    anchors: one.into_iter().collect(),
                }]
            }
            Event::Forget { who } => vec![Input::Forget {
                customer: customer(NAMES[*who]),
            }],
            Event::Sight {
                who,
                zone,
                rssi_dbm,
                ago_ms,
                certain,
                late,
            } => {
                let customer = customer(NAMES[*who]);
                let ago_ms = if *late { ago_ms * 1_000 } else { *ago_ms };
                let seen = Observation {
                    customer,
                    radio: RadioId(customer.0),
                    anchor: ZONES[*zone].parse().unwrap(),
                    heard_first_ms: now_ms - ago_ms,
                    heard_last_ms: now_ms - ago_ms,
                    count: 1,
                    rssi_dbm: *rssi_dbm,
                    certain: *certain,
                    late: *late,
                    consent: self.consent(customer),
                };
                vec![Input::Sightings {
                    sightings: vec![seen],
                }]
            }
            Event::Consent { who, bits } => {
                let customer = customer(NAMES[*who]);
                let consent = Consent {
                    arrival: bits & 1 > 0,
                    messages: bits & 2 > 0,
                    browsing: bits & 4 > 0,
                    statistics: bits & 8 > 0,
                };
                self.consents.insert(customer, consent);
                vec![Input::Consent { customer, consent }]
            }
            Event::Order { who, number, state } => vec![Input::Order(Order {
                order: order(*number),
                customer: customer(NAMES[*who]),
                state: ORDER_STATES[*state],
                code: format!("{number}"),
                kind: OrderKind::ClickAndCollect,
                as_of_ms: 0,
                due_ms: None,
                age_checked: false,
                share_code: None,
            })],
            Event::Tap { action } => self.taps(*action),
            Event::Answer { how_many } => self.answers(*how_many),
        }
    }

    fn taps(&self, action: usize) -> Vec<Input> {
        let code = |code: &str| TapAction::HandOver {
            code: code.into(),
            age_seen: false,
        };
        let action = match action {
            0 => TapAction::Take,
            1 => TapAction::Undo,
            2 => TapAction::NotHere,
            3 => code("1"),
            _ => code("wrong"),
        };
        let tap = |&card| {
            Input::Tap(Tap {
                card,
                staff: staff("piet"),
                action: action.clone(),
            })
        };
        self.cards.last().map(tap).into_iter().collect()
    }

    /// Facts are gathered for all of them before the first answer is taken in.
    fn answers(&mut self, how_many: usize) -> Vec<Input> {
        let how_many = how_many.min(self.questions.len());
        let questions: Vec<_> = self.questions.drain(..how_many).collect();
        questions
            .into_iter()
            .map(|question| self.answer(question))
            .collect()
    }

    fn answer(&self, question: Question) -> Input {
        match question {
            Question::Match {
                customer,
                visit,
                moment,
                ..
            } => {
                let zone = &moment.zone;
                let mut facts = facts();
                facts.consent = self.consent(customer);
                for n in 0..6 {
                    let sku = format!("{zone}-{n}");
                    facts
                        .candidates
                        .push(candidate(&sku, IntentKind::Carted, zone.as_str()));
                }
                facts.told = self.told.get(&customer).cloned().unwrap_or_default();
                Input::Match {
                    customer,
                    visit,
                    moment,
                    facts,
                }
            }
            Question::History { customer, late } => {
                let own = self.visits.values().filter(|(who, _)| *who == customer);
                let mut visits: Vec<_> = own.map(|(_, visit)| visit.clone()).collect();
                visits.sort_by_key(|v| v.entered_ms);
                Input::History {
                    customer,
                    late,
                    visits,
                }
            }
        }
    }

    fn commit(&mut self, outcome: &Outcome) {
        self.questions.extend(outcome.questions.iter().cloned());
        self.cards
            .extend(outcome.cards.iter().map(|card| card.card));
        for decision in &outcome.decisions {
            if let Choice::Notify { campaign, .. } = &decision.choice {
                self.told.entry(decision.customer).or_default().push(Told {
                    decision: decision.decision,
                    campaign: *campaign,
                    sku: decision.sku().cloned(),
                    visit: decision.visit,
                    at_ms: ZERO_MS,
                });
            }
        }
        for change in &outcome.visits {
            self.record(change);
        }
    }

    fn record(&mut self, change: &VisitChange) {
        match *change {
            VisitChange::ZoneLost { visit, from_ms, .. } => {
                let (_, past) = self.visits.get(&visit).expect("a visit that was entered");
                assert!(past.entered_ms <= from_ms, "lost before she came");
            }
            VisitChange::Entered {
                visit,
                customer,
                entered_ms,
                ..
            } => {
                let past = PastVisit {
                    visit,
                    entered_ms,
                    left_ms: None,
                };
                assert!(
                    self.visits.insert(visit, (customer, past)).is_none(),
                    "an id twice"
                );
            }
            VisitChange::Left { visit, left_ms, .. } => {
                let (_, past) = self
                    .visits
                    .get_mut(&visit)
                    .expect("a visit that was entered");
                assert!(past.left_ms.replace(left_ms).is_none(), "left twice");
                assert!(past.entered_ms <= left_ms, "left before she came");
            }
            VisitChange::Revised {
                visit,
                entered_ms,
                left_ms,
            } => {
                let (_, past) = self
                    .visits
                    .get_mut(&visit)
                    .expect("a visit that was entered");
                (past.entered_ms, past.left_ms) = (entered_ms, left_ms);
            }
            VisitChange::Erased { visit } => {
                assert!(
                    self.visits.remove(&visit).is_some(),
                    "erased what was not there"
                );
            }
            VisitChange::ZoneEntered { visit, from_ms, .. } => {
                let (_, past) = self.visits.get(&visit).expect("a visit that was entered");
                assert!(past.entered_ms <= from_ms, "in a zone before in the store");
            }
        }
    }
}

/// One for each moment; whoever is at the door long enough hears of an evening, once a day.
fn campaigns() -> Vec<Campaign> {
    let other = |number: u128, when: When, about: About| Campaign {
        campaign: format!("{number:032x}").parse().unwrap(),
        trigger: Trigger {
            when,
            zones: BTreeSet::new(),
            stores: BTreeSet::new(),
        },
        about,
        caps: Caps {
            per_person_day: Some(1),
            ..Caps::default()
        },
        ..usual()
    };
    let dwell = When::Dwell { seconds: 30 };
    let product = || About::Product(ProductRule::default());
    vec![
        usual(),
        other(1, dwell, product()),
        other(2, dwell, About::Store),
        other(3, When::Exit, product()),
    ]
}

/// Plays the events; gives back the inputs with their times, and the outcomes.
fn play(events: &[(u64, Event)]) -> (Vec<(u64, Input)>, Vec<Outcome>, Server) {
    let mut engine = StoreEngine::new("kade-9".parse().unwrap());
    let (mut server, mut now_ms) = (Server::default(), ZERO_MS);
    let (mut inputs, mut outcomes) = (Vec::new(), Vec::new());
    let start = [
        Input::Layout(layout(&ZONES, Rules::default())),
        Input::Campaigns {
            campaigns: campaigns(),
        },
    ];
    for (after_ms, event) in [(0, None)]
        .into_iter()
        .chain(events.iter().map(|(a, e)| (*a, Some(e))))
    {
        now_ms += after_ms;
        let next = event.map_or_else(|| start.to_vec(), |e| server.inputs(now_ms, e));
        for input in next {
            let outcome = engine.step(now_ms, &input);
            server.commit(&outcome);
            assert_eq!(
                engine.present(),
                server
                    .visits
                    .values()
                    .filter(|(_, v)| v.left_ms.is_none())
                    .count()
            );
            inputs.push((now_ms, input));
            outcomes.push(outcome);
        }
    }
    (inputs, outcomes, server)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn the_same_inputs_give_the_same_outcomes(events in events()) {
        prop_assert_eq!(play(&events).1, play(&events).1);
    }

    #[test]
    fn a_snapshot_and_the_rest_are_the_uninterrupted_run(
        events in events(), cut in any::<prop::sample::Index>(),
    ) {
        let (inputs, outcomes, _) = play(&events);
        let cut = cut.index(inputs.len());
        let mut engine = StoreEngine::new("kade-9".parse().unwrap());
        for (at, ((now_ms, input), outcome)) in inputs.iter().zip(&outcomes).enumerate() {
            if at == cut {
                let json = serde_json::to_vec(&engine).unwrap();
                let restored: StoreEngine = serde_json::from_slice(&json).unwrap();
                prop_assert_eq!(&restored, &engine);
                engine = restored;
            }
            prop_assert_eq!(&engine.step(*now_ms, input), outcome);
        }
    }

    #[test]
    fn a_customer_has_at_most_one_open_card_and_one_alert_for_each(events in events()) {
        let (_, outcomes, _) = play(&events);
        let (mut open, mut alerted) = (BTreeMap::new(), BTreeSet::new());
        for outcome in outcomes {
            for card in outcome.cards {
                if card.journey.is_here() || card.journey.is_coming() {
                    let other = open.insert(card.customer, card.card);
                    prop_assert!(other.is_none_or(|other| other == card.card));
                    prop_assert!(!card.orders.is_empty());
                } else {
                    open.remove(&card.customer);
                }
            }
            for delivery in outcome.deliveries {
                if let engine::outcome::Cause::Arrival { card } = delivery.cause {
                    prop_assert!(alerted.insert(card));
                }
            }
        }
    }

    #[test]
    fn nobody_is_told_past_the_cap_or_of_one_product_twice_a_visit(events in events()) {
        let (_, _, server) = play(&events);
        for told in server.told.values() {
            prop_assert!(told.len() <= Rules::default().messages_per_day_max as usize);
            let of_evening = told.iter().filter(|t| t.sku.is_none());
            prop_assert!(of_evening.count() <= 1);
            let told: Vec<_> = told.iter().filter(|t| t.sku.is_some()).collect();
            prop_assert_eq!(told.iter().map(|t| (t.visit, &t.sku)).collect::<BTreeSet<_>>().len(), told.len());
        }
    }

    #[test]
    fn visits_of_one_customer_never_overlap(events in events()) {
        let (_, _, server) = play(&events);
        let mut of: BTreeMap<CustomerId, Vec<PastVisit>> = BTreeMap::new();
        for (customer, visit) in server.visits.into_values() {
            of.entry(customer).or_default().push(visit);
        }
        for visits in of.values_mut() {
            visits.sort_by_key(|v| v.entered_ms);
            let apart = |w: &[PastVisit]| w[0].left_ms.is_some_and(|left| left <= w[1].entered_ms);
            prop_assert!(visits.windows(2).all(apart), "{:?}", visits);
        }
    }
}
