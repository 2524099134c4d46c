//! Random histories against a plain reference: sets and counters that know nothing of the tables.
//!
//! A shop whose words come twice and out of order, customers who come and go, colleagues who tap and
//! take back, a server that restarts. Who is in the store is taken from the visits that the engine
//! tells of; what follows from that is worked out here once more.
//! Promises: an alert an episode, never two and never none; a card for whoever waits, and for nobody
//! else; a final order stays final; a card that nobody took calls louder on time, each time once; a
//! call for help ends when she leaves.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
};

use engine::{
    HANDOVER_UNDO_MS, Input, Outcome, StoreEngine,
    input::{Coming, Observation, Order, OrderKind, OrderState, Rules, Tap, TapAction},
    journey::{Call, Journey},
    outcome::{Card, Cause, TapAnswer, VisitChange},
};
use proptest::prelude::*;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};
use protocol::{CardId, OrderId, RadioId, VisitId};

use crate::timeline::{ALL, ZERO_MS, customer, layout, order, staff};

const NAMES: [&str; 3] = ["anna", "bea", "carla"];
const STAFF: [&str; 2] = ["piet", "joke"];
const KINDS: [OrderKind; 5] = [
    OrderKind::ClickAndCollect,
    OrderKind::Reservation,
    OrderKind::Return,
    OrderKind::TryOn,
    OrderKind::Help,
];

/// Each customer has some orders, of different kinds.
const ORDERS: u128 = 9;

fn owner(number: u128) -> usize {
    (number % 3) as usize
}

fn kind(number: u128) -> OrderKind {
    KINDS[(number % 5) as usize]
}

/// Some of what she collects is for adults.
fn is_for_adults(number: u128) -> bool {
    number.is_multiple_of(4)
}

/// How many histories; 10,000 at night.
fn histories() -> u32 {
    let asked = env::var("WELKOM_HISTORIES").ok();
    asked.map_or(300, |n| n.parse().expect("a number of histories"))
}

#[derive(Debug, Clone)]
enum Event {
    /// The shop says something new of an order.
    Says {
        number: u128,
        state: OrderState,
    },
    /// Something that it said comes once more, however old.
    Again {
        nth: prop::sample::Index,
    },
    OnWay {
        who: usize,
        minutes: u64,
    },
    Near {
        who: usize,
    },
    SaysHere {
        who: usize,
    },
    Heard {
        who: usize,
        shoes: bool,
    },
    /// A backlog of an hour ago.
    Late {
        who: usize,
    },
    Tap {
        who: usize,
        by: usize,
        on_last_but_one: bool,
        what: What,
    },
    Wait {
        ms: u64,
        ticks: bool,
    },
    Restart,
}

#[derive(Debug, Clone, Copy)]
enum What {
    Take,
    Undo,
    NotHere,
    RightCode,
    WrongCode,
    /// The right one, and nobody looked how old she is.
    AgeUnseen,
}

/// What the shop said so far, which is all that later events depend on.
struct Shop;

impl ReferenceStateMachine for Shop {
    type State = Vec<Order>;
    type Transition = Event;

    fn init_state() -> BoxedStrategy<Self::State> {
        Just(Vec::new()).boxed()
    }

    fn transitions(_: &Self::State) -> BoxedStrategy<Event> {
        let who = || 0..NAMES.len();
        let state = prop_oneof![
            3 => Just(OrderState::Placed),
            12 => Just(OrderState::Ready),
            2 => Just(OrderState::Delayed),
            1 => Just(OrderState::Cancelled),
            1 => Just(OrderState::Completed),
        ];
        let what = prop_oneof![
            3 => Just(What::Take),
            4 => Just(What::Undo),
            1 => Just(What::NotHere),
            6 => Just(What::RightCode),
            2 => Just(What::WrongCode),
            2 => Just(What::AgeUnseen),
        ];
        prop_oneof![
            10 => (0..ORDERS, state).prop_map(|(number, state)| Event::Says { number, state }),
            4 => any::<prop::sample::Index>().prop_map(|nth| Event::Again { nth }),
            2 => (who(), 0..60u64).prop_map(|(who, minutes)| Event::OnWay { who, minutes }),
            2 => who().prop_map(|who| Event::Near { who }),
            6 => who().prop_map(|who| Event::SaysHere { who }),
            9 => (who(), any::<bool>()).prop_map(|(who, shoes)| Event::Heard { who, shoes }),
            1 => who().prop_map(|who| Event::Late { who }),
            14 => (who(), 0..STAFF.len(), prop::bool::weighted(0.2), what).prop_map(
                |(who, by, on_last_but_one, what)| Event::Tap { who, by, on_last_but_one, what }
            ),
            8 => (0..40_000u64, any::<bool>()).prop_map(|(ms, ticks)| Event::Wait { ms, ticks }),
            2 => (0..5_000_000u64).prop_map(|ms| Event::Wait { ms, ticks: true }),
            1 => Just(Event::Restart),
        ]
        .boxed()
    }

    fn apply(mut said: Self::State, event: &Event) -> Self::State {
        if let Event::Says { number, state } = event {
            said.push(word(*number, *state, said.len() as u64 + 1));
        }
        said
    }

    fn preconditions(said: &Self::State, event: &Event) -> bool {
        !matches!(event, Event::Again { .. }) || !said.is_empty()
    }
}

fn word(number: u128, state: OrderState, as_of_ms: u64) -> Order {
    Order {
        order: order(number),
        customer: customer(NAMES[owner(number)]),
        kind: kind(number),
        state,
        code: format!("code-{number}"),
        as_of_ms,
        due_ms: None,
        age_checked: is_for_adults(number),
        share_code: None,
    }
}

fn number(id: OrderId) -> u128 {
    (0..ORDERS).find(|n| order(*n) == id).expect("an order")
}

/// The engine, and what a plain mind makes of the same.
struct Store {
    engine: StoreEngine,
    now_ms: u64,
    plain: Plain,
}

#[derive(Default)]
struct Plain {
    visits: BTreeMap<VisitId, usize>,
    here: BTreeSet<usize>,
    /// Open orders, with the date of the last word.
    open: BTreeMap<u128, (OrderState, u64)>,
    over: BTreeSet<u128>,
    /// Handed over on this card, and until when that may be taken back.
    held: BTreeMap<u128, (CardId, u64)>,
    /// Who had her alert, as long as she waits.
    alerted: BTreeSet<usize>,
    /// Each card as it was last shown, in the order of appearance.
    cards: Vec<Card>,
    /// Since when whose card is open, without a break.
    waits_from: BTreeMap<CardId, u64>,
    /// The calls of each card, as they came.
    called: BTreeMap<CardId, Vec<Call>>,
}

impl Plain {
    fn desk(&self, who: usize) -> Vec<OrderId> {
        let own = self
            .open
            .iter()
            .filter(|(number, _)| owner(**number) == who);
        let free = own.filter(|(number, _)| !self.held.contains_key(number));
        let now = free.filter(|(number, (state, _))| {
            let at_once = [OrderKind::Return, OrderKind::Help].contains(&kind(**number));
            *state == OrderState::Ready || at_once
        });
        now.map(|(number, _)| order(*number)).collect()
    }

    fn waits(&self, who: usize) -> bool {
        self.here.contains(&who) && !self.desk(who).is_empty()
    }

    fn hear(&mut self, told: &Order) {
        let number = number(told.order);
        let newest = self.open.get(&number).map_or(0, |(_, as_of_ms)| *as_of_ms);
        if self.over.contains(&number) || told.as_of_ms < newest {
            return;
        }
        if told.state.is_open() {
            self.open.insert(number, (told.state, told.as_of_ms));
        } else {
            self.open.remove(&number);
            self.held.remove(&number);
            self.over.insert(number);
        }
    }

    fn see(&mut self, changes: &[VisitChange]) {
        for change in changes {
            match change {
                VisitChange::Entered {
                    visit,
                    customer: whose,
                    late: false,
                    ..
                } => {
                    let who = NAMES
                        .iter()
                        .position(|name| customer(name) == *whose)
                        .unwrap();
                    self.visits.insert(*visit, who);
                    self.here.insert(who);
                }
                VisitChange::Left { visit, .. } => {
                    if let Some(who) = self.visits.get(visit) {
                        self.here.remove(who);
                    }
                }
                _ => {}
            }
        }
    }

    /// Who left needs no help any more, unless she was being helped a moment ago.
    fn end_help(&mut self, changes: &[VisitChange]) -> BTreeSet<OrderId> {
        let left = changes.iter().filter_map(|change| match change {
            VisitChange::Left { visit, .. } => self.visits.get(visit).copied(),
            _ => None,
        });
        let left: BTreeSet<usize> = left.collect();
        let over: Vec<u128> = self
            .open
            .keys()
            .filter(|number| kind(**number) == OrderKind::Help && left.contains(&owner(**number)))
            .filter(|number| !self.held.contains_key(number))
            .copied()
            .collect();
        for number in &over {
            self.open.remove(number);
            self.over.insert(*number);
        }
        over.into_iter().map(order).collect()
    }

    fn show(&mut self, shown: &[Card]) {
        for card in shown {
            match self.cards.iter_mut().find(|known| known.card == card.card) {
                Some(known) => *known = card.clone(),
                None => self.cards.push(card.clone()),
            }
        }
    }

    /// Of the orders on this card those that can still be handed over.
    fn on(&self, card: &Card) -> Vec<OrderId> {
        let free = |id: &&OrderId| {
            let number = number(**id);
            self.open.contains_key(&number) && !self.held.contains_key(&number)
        };
        card.orders.iter().filter(free).copied().collect()
    }

    /// Of those that were handed over on this card, those that can be taken back.
    fn held_on(&self, card: CardId, now_ms: u64) -> Vec<OrderId> {
        let held = self.held.iter();
        held.filter(|(_, (on, until_ms))| *on == card && now_ms < *until_ms)
            .map(|(number, _)| order(*number))
            .collect()
    }

    fn tap(&mut self, now_ms: u64, tap: &Tap, outcome: &Outcome) {
        let card = self
            .cards
            .iter()
            .find(|card| card.card == tap.card)
            .cloned()
            .unwrap();
        let who = NAMES
            .iter()
            .position(|name| customer(name) == card.customer)
            .unwrap();
        let answer = outcome.tap.as_ref().expect("an answer");
        match &tap.action {
            TapAction::HandOver { code, age_seen } => {
                let on = self.on(&card);
                let right = on.iter().any(|id| *code == format!("code-{}", number(*id)));
                let free = on.iter().all(|id| kind(number(*id)) == OrderKind::Help);
                let opens = right || (free && !on.is_empty());
                if card.journey.is_here() {
                    let paused = matches!(answer, TapAnswer::Paused { .. });
                    let adults = on.iter().any(|id| is_for_adults(number(*id)));
                    let may = *age_seen || !adults;
                    assert_eq!(
                        *answer == TapAnswer::Done,
                        opens && may && !paused,
                        "{answer:?}"
                    );
                }
                if *answer != TapAnswer::Done {
                    assert!(outcome.held.is_empty());
                    return;
                }
                assert!(opens, "handed over for {code}");
                assert_eq!(outcome.held, on);
                for id in on {
                    let until_ms = now_ms + HANDOVER_UNDO_MS;
                    self.held.insert(number(id), (card.card, until_ms));
                }
                self.alerted.remove(&who);
            }
            TapAction::Undo if card.journey == Journey::Served => {
                let back = self.held_on(card.card, now_ms);
                assert_eq!(*answer == TapAnswer::Done, !back.is_empty(), "{answer:?}");
                assert_eq!(outcome.released, back);
                for id in &back {
                    self.held.remove(&number(*id));
                }
                if !back.is_empty() {
                    self.alerted.insert(who); // of this episode she has had it
                }
            }
            _ => assert!(outcome.held.is_empty() && outcome.released.is_empty()),
        }
    }

    /// What time alone makes final.
    fn complete(&mut self, now_ms: u64) -> BTreeSet<OrderId> {
        let due = self
            .held
            .iter()
            .filter(|(_, (_, until_ms))| *until_ms <= now_ms);
        let due: Vec<u128> = due.map(|(number, _)| *number).collect();
        for number in &due {
            self.held.remove(number);
            self.open.remove(number);
            assert!(self.over.insert(*number), "completed twice");
        }
        due.into_iter().map(order).collect()
    }

    /// Who waits without anybody who goes is called for after one minute and after two.
    fn check_calls(&mut self, now_ms: u64, ticked: bool, outcome: &Outcome) {
        for called in &outcome.calls {
            let calls = self.called.entry(called.card).or_default();
            calls.push(called.call);
            assert!(calls.is_sorted_by(|a, b| a < b), "called twice: {calls:?}");
        }
        for card in &self.cards {
            if !card.journey.is_here() {
                self.waits_from.remove(&card.card);
                continue;
            }
            let from_ms = *self.waits_from.entry(card.card).or_insert(now_ms);
            let alone = card.taken_by.is_none() && !card.not_here;
            let due = [(60_000, Call::Everybody), (120_000, Call::Manager)]
                .into_iter()
                .filter(|(after_ms, _)| from_ms + after_ms <= now_ms);
            let due: Vec<Call> = due.map(|(_, call)| call).collect();
            let calls = self.called.get(&card.card).cloned().unwrap_or_default();
            let fresh = outcome.calls.iter().filter(|c| c.card == card.card);
            assert!(
                fresh.clone().all(|called| due.contains(&called.call)),
                "called too early"
            );
            assert!(
                !(alone && ticked) || due.iter().all(|call| calls.contains(call)),
                "{calls:?} after {} ms",
                now_ms - from_ms
            );
            assert_eq!(card.called, calls.last().copied());
        }
        for called in &outcome.calls {
            let card = self.cards.iter().find(|card| card.card == called.card);
            let card = card.expect("the card that calls");
            assert!(
                card.taken_by.is_none() && !card.not_here && card.journey.is_here(),
                "called for nothing"
            );
        }
    }

    fn check(&mut self, outcome: &Outcome) {
        for (who, name) in NAMES.into_iter().enumerate() {
            let hers = customer(name);
            let alerts = outcome.deliveries.iter().filter(|delivery| {
                delivery.customer == hers && matches!(delivery.cause, Cause::Arrival { .. })
            });
            let (alerts, waits) = (alerts.count(), self.waits(who));
            let due = waits && !self.alerted.contains(&who);
            assert_eq!(alerts, usize::from(due), "alerts for {name}");
            if waits {
                self.alerted.insert(who);
            } else {
                self.alerted.remove(&who);
            }
            let own = || self.cards.iter().filter(|card| card.customer == hers);
            let open: Vec<&Card> = own().filter(|card| card.journey.is_here()).collect();
            assert_eq!(open.len(), usize::from(waits), "cards of {name}");
            if let [card] = open[..] {
                assert_eq!(card.orders, self.desk(who));
            }
            let coming = own().filter(|card| card.journey.is_coming());
            assert!(coming.count() + open.len() <= 1, "two cards of {name}");
        }
        for card in &outcome.cards {
            let live = card.journey.is_here() || card.journey.is_coming();
            let over = |id: &OrderId| self.over.contains(&number(*id));
            assert!(
                !live || !card.orders.iter().any(over),
                "a final order reopened"
            );
        }
    }
}

impl Store {
    fn step(&mut self, input: &Input) {
        let waited: Vec<bool> = (0..NAMES.len()).map(|who| self.plain.waits(who)).collect();
        let outcome = self.engine.step(self.now_ms, input);
        let plain = &mut self.plain;
        let mut completed = BTreeSet::new();
        match input {
            Input::Order(told) => plain.hear(told),
            Input::Tap(tap) => plain.tap(self.now_ms, tap, &outcome),
            Input::Tick => completed = plain.complete(self.now_ms),
            _ => {}
        }
        assert_eq!(
            outcome.completed.iter().copied().collect::<BTreeSet<_>>(),
            completed
        );
        plain.see(&outcome.visits);
        let helped_no_more = plain.end_help(&outcome.visits);
        assert_eq!(
            outcome.cancelled.iter().copied().collect::<BTreeSet<_>>(),
            helped_no_more
        );
        plain.show(&outcome.cards);
        plain.check(&outcome);
        plain.check_calls(self.now_ms, *input == Input::Tick, &outcome);
        for (who, waited) in waited.into_iter().enumerate() {
            let left = waited && !plain.here.contains(&who) && !plain.desk(who).is_empty();
            let told = outcome.cards.iter().any(|card| {
                card.customer == customer(NAMES[who]) && card.journey == Journey::DepartedUnserved
            });
            assert!(!left || told, "{} left and nobody was told", NAMES[who]);
        }
        let waiting = (0..NAMES.len()).filter(|who| plain.waits(*who)).count();
        assert_eq!(self.engine.cards_open(), waiting);
    }

    fn wait(&mut self, ms: u64, ticks: bool) {
        let until_ms = self.now_ms + ms;
        while let Some(due_ms) = self
            .engine
            .due_at()
            .filter(|due_ms| ticks && *due_ms <= until_ms)
        {
            self.now_ms = self.now_ms.max(due_ms);
            self.step(&Input::Tick);
        }
        self.now_ms = until_ms;
    }

    fn sight(&mut self, who: usize, anchor: &str, change: impl FnOnce(&mut Observation)) {
        let customer = customer(NAMES[who]);
        let mut seen = Observation {
            customer,
            radio: RadioId(customer.0),
            anchor: anchor.parse().unwrap(),
            heard_first_ms: self.now_ms,
            heard_last_ms: self.now_ms,
            count: 4,
            rssi_dbm: -50,
            certain: false,
            late: false,
            consent: ALL,
        };
        change(&mut seen);
        let sightings = vec![seen];
        self.step(&Input::Sightings { sightings });
    }

    fn coming(&mut self, who: usize, how: Coming) {
        self.step(&Input::Coming {
            customer: customer(NAMES[who]),
            consent: ALL,
            how,
        });
    }

    fn tap(&mut self, who: usize, by: usize, on_last_but_one: bool, what: What) {
        let hers = customer(NAMES[who]);
        let own = self
            .plain
            .cards
            .iter()
            .rev()
            .filter(|card| card.customer == hers);
        let Some(card) = own.clone().nth(usize::from(on_last_but_one)) else {
            return;
        };
        let code = |code: String| TapAction::HandOver {
            code,
            age_seen: true,
        };
        let action = match what {
            What::Take => TapAction::Take,
            What::Undo => TapAction::Undo,
            What::NotHere => TapAction::NotHere,
            What::RightCode | What::AgeUnseen => {
                let first = card.orders.first().map_or(0, |id| number(*id));
                TapAction::HandOver {
                    code: format!("code-{first}"),
                    age_seen: matches!(what, What::RightCode),
                }
            }
            What::WrongCode => code("no such code".to_owned()),
        };
        self.step(&Input::Tap(Tap {
            card: card.card,
            staff: staff(STAFF[by]),
            action,
        }));
    }
}

struct Histories;

impl StateMachineTest for Histories {
    type SystemUnderTest = Store;
    type Reference = Shop;

    fn init_test(_: &Vec<Order>) -> Store {
        let mut store = Store {
            engine: StoreEngine::new("kade-9".parse().unwrap()),
            now_ms: ZERO_MS,
            plain: Plain::default(),
        };
        store.step(&Input::Layout(layout(&["door", "shoes"], Rules::default())));
        store
    }

    fn apply(mut store: Store, said: &Vec<Order>, event: Event) -> Store {
        match event {
            Event::Says { .. } => {
                let told = said.last().expect("a word").clone();
                store.step(&Input::Order(told));
            }
            Event::Again { nth } => {
                let told = nth.get(said).clone();
                store.step(&Input::Order(told));
            }
            Event::OnWay { who, minutes } => {
                let eta_ms = store.now_ms + minutes * 60_000;
                store.coming(who, Coming::OnWay { eta_ms });
            }
            Event::Near { who } => store.coming(who, Coming::Near),
            Event::SaysHere { who } => store.sight(who, "door", |seen| seen.certain = true),
            Event::Heard { who, shoes } => {
                for _ in 0..3 {
                    store.wait(1_000, true);
                    store.sight(who, if shoes { "shoes" } else { "door" }, |_| {});
                }
            }
            Event::Late { who } => store.sight(who, "door", |seen| {
                seen.late = true;
                seen.heard_first_ms -= 3_600_000;
                seen.heard_last_ms -= 3_600_000;
            }),
            Event::Tap {
                who,
                by,
                on_last_but_one,
                what,
            } => {
                store.tap(who, by, on_last_but_one, what);
            }
            Event::Wait { ms, ticks } => store.wait(ms, ticks),
            Event::Restart => {
                let snapshot = serde_json::to_vec(&store.engine).unwrap();
                store.engine = serde_json::from_slice(&snapshot).unwrap();
            }
        }
        store
    }
}

prop_state_machine! {
    #![proptest_config(ProptestConfig {
        cases: histories(),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn one_alert_an_episode_no_arrival_lost_and_no_final_order_reopened(
        sequential 1..60 => Histories
    );
}
