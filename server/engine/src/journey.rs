//! How an order and the customer who comes for it go on: two axes, each a table.
//!
//! In: where one stands, what happened. Out: where it goes from there, and what that causes.
//! Promises: what is not in a table changes nothing; the picture in `docs/` is drawn from the same
//! tables that run.
//! How loudly a card calls is a ladder of its own: it hangs on time alone.
//! Invariant: from [`Journey::Created`] and [`Journey::DepartedUnserved`] every way into the store
//! opens a new episode, and no other way does; one alert goes with each; nothing leads out of a
//! final order.

use serde::{Deserialize, Serialize};

use crate::input::OrderState;

/// The customer's side of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Journey {
    /// Something is open for her, and she has not set out; a card in it is off the board.
    Created,
    /// She said that she is on her way.
    EnRoute,
    /// Her phone is close to the store.
    Nearby,
    /// Her radios are heard in the store.
    Arrived,
    /// She said that she is here, or a colleague stood before her.
    Waiting,
    /// She has it.
    Served,
    /// She left without it.
    DepartedUnserved,
    /// She took back her consent, or the order was cancelled: the card goes.
    Withdrawn,
}

impl Journey {
    /// All, in the order in which they are drawn.
    pub const ALL: [Self; 8] = [
        Self::Created,
        Self::EnRoute,
        Self::Nearby,
        Self::Arrived,
        Self::Waiting,
        Self::Served,
        Self::DepartedUnserved,
        Self::Withdrawn,
    ];

    /// Whether she is in the store and waits for a colleague.
    pub fn is_here(self) -> bool {
        matches!(self, Self::Arrived | Self::Waiting)
    }

    /// Whether she is on her way.
    pub fn is_coming(self) -> bool {
        matches!(self, Self::EnRoute | Self::Nearby)
    }
}

/// What happens to a journey.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Signal {
    /// Her phone says that she is on her way.
    OnWay,
    /// Her phone is within the store's fence.
    Near,
    /// A visit of hers goes on.
    Heard,
    /// "Ik ben er", or the code at the door.
    SaysHere,
    /// She said that she would come, and it is long past.
    Overdue,
    /// The exit is sure.
    Left,
    /// A colleague handed it over against the code.
    HandedOver,
    /// The hand-over was taken back, and she is in the store.
    TakenBack,
    /// The hand-over was taken back, and she is not in the store.
    TakenBackAway,
    /// The hand-over was taken back, and another card of hers is open by now: its orders go there.
    TakenBackToOther,
    /// The window for taking it back is over.
    WindowOver,
    /// It was completed elsewhere, as at the till.
    DoneElsewhere,
    /// Nothing is left that she could be given.
    Cancelled,
    /// Staff may not know of her any more.
    ConsentOver,
    /// Nobody saw her for an hour after she left.
    LongGone,
}

/// What a step causes beside the new state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// A new episode: a card of its own, and an earlier one gives way.
    Open,
    /// The one alert of the episode.
    Alert,
    /// Staff are told that she left without it.
    Alarm,
    /// Her orders are out of everybody's hands until the window is over.
    Hold,
    /// Her orders are to be handed over again.
    Release,
    /// Her orders are completed, for good.
    Complete,
    /// The episode is over: no tap changes it.
    Close,
}

/// A line of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Where she is on her way.
    pub from: Journey,
    /// What happens.
    pub signal: Signal,
    /// Where she is then.
    pub to: Journey,
    /// What it causes, in this order.
    pub effects: &'static [Effect],
}

const fn step(from: Journey, signal: Signal, to: Journey, effects: &'static [Effect]) -> Step {
    Step {
        from,
        signal,
        to,
        effects,
    }
}

use Effect::{Alarm, Alert, Close, Complete, Hold, Open, Release};
use Journey::{Arrived, Created, DepartedUnserved, EnRoute, Nearby, Served, Waiting, Withdrawn};

/// The customer's axis. A pair that is not here changes nothing: a phone that says "on my way"
/// while she stands in the store is behind the times.
#[rustfmt::skip]
pub const JOURNEYS: &[Step] = &[
    step(Created,          Signal::OnWay,         EnRoute,          &[Open]),
    step(Created,          Signal::Near,          Nearby,           &[Open]),
    step(EnRoute,          Signal::Near,          Nearby,           &[]),
    step(EnRoute,          Signal::Overdue,       Created,          &[Close]),
    step(Nearby,           Signal::Overdue,       Created,          &[Close]),

    step(Created,          Signal::Heard,         Arrived,          &[Open, Alert]),
    step(EnRoute,          Signal::Heard,         Arrived,          &[Alert]),
    step(Nearby,           Signal::Heard,         Arrived,          &[Alert]),
    step(Created,          Signal::SaysHere,      Waiting,          &[Open, Alert]),
    step(EnRoute,          Signal::SaysHere,      Waiting,          &[Alert]),
    step(Nearby,           Signal::SaysHere,      Waiting,          &[Alert]),
    step(Arrived,          Signal::SaysHere,      Waiting,          &[]),

    step(EnRoute,          Signal::HandedOver,    Served,           &[Hold]),
    step(Nearby,           Signal::HandedOver,    Served,           &[Hold]),
    step(Arrived,          Signal::HandedOver,    Served,           &[Hold]),
    step(Waiting,          Signal::HandedOver,    Served,           &[Hold]),
    step(DepartedUnserved, Signal::HandedOver,    Served,           &[Hold]),
    step(Served,           Signal::TakenBack,     Waiting,          &[Release]),
    step(Served,           Signal::TakenBackAway, DepartedUnserved, &[Release]),
    step(Served,           Signal::TakenBackToOther, Withdrawn,     &[Release, Close]),
    step(Served,           Signal::WindowOver,    Served,           &[Complete, Close]),
    step(Served,           Signal::ConsentOver,   Served,           &[Complete, Close]),

    step(Arrived,          Signal::Left,          DepartedUnserved, &[Alarm]),
    step(Waiting,          Signal::Left,          DepartedUnserved, &[Alarm]),
    step(DepartedUnserved, Signal::OnWay,         EnRoute,          &[Open]),
    step(DepartedUnserved, Signal::Near,          Nearby,           &[Open]),
    step(DepartedUnserved, Signal::Heard,         Arrived,          &[Open, Alert]),
    step(DepartedUnserved, Signal::SaysHere,      Waiting,          &[Open, Alert]),
    step(DepartedUnserved, Signal::LongGone,      DepartedUnserved, &[Close]),

    step(EnRoute,          Signal::DoneElsewhere, Served,           &[Close]),
    step(Nearby,           Signal::DoneElsewhere, Served,           &[Close]),
    step(Arrived,          Signal::DoneElsewhere, Served,           &[Close]),
    step(Waiting,          Signal::DoneElsewhere, Served,           &[Close]),
    step(EnRoute,          Signal::Cancelled,     Withdrawn,        &[Close]),
    step(Nearby,           Signal::Cancelled,     Withdrawn,        &[Close]),
    step(Arrived,          Signal::Cancelled,     Withdrawn,        &[Close]),
    step(Waiting,          Signal::Cancelled,     Withdrawn,        &[Close]),
    step(EnRoute,          Signal::ConsentOver,   Withdrawn,        &[Close]),
    step(Nearby,           Signal::ConsentOver,   Withdrawn,        &[Close]),
    step(Arrived,          Signal::ConsentOver,   Withdrawn,        &[Close]),
    step(Waiting,          Signal::ConsentOver,   Withdrawn,        &[Close]),
    step(DepartedUnserved, Signal::ConsentOver,   Withdrawn,        &[Close]),
];

/// What a signal does to a journey; none: nothing.
pub fn next(from: Journey, signal: Signal) -> Option<&'static Step> {
    JOURNEYS
        .iter()
        .find(|step| step.from == from && step.signal == signal)
}

/// A line of the order's table: what the shop may tell of an order that stands so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderStep {
    /// How far it is; none: not known yet.
    pub from: Option<OrderState>,
    /// How far it is then.
    pub to: OrderState,
    /// It has just been set aside: she is told, once.
    pub tells: bool,
}

const fn order(from: Option<OrderState>, to: OrderState, tells: bool) -> OrderStep {
    OrderStep { from, to, tells }
}

use OrderState::{Cancelled, Completed, Delayed, Placed, Ready};

/// The order's axis. A pair that is not here changes nothing.
#[rustfmt::skip]
pub const ORDERS: &[OrderStep] = &[
    order(None,          Placed,    false),
    order(None,          Ready,     true),
    order(None,          Delayed,   false),
    order(Some(Placed),  Ready,     true),
    order(Some(Placed),  Delayed,   false),
    order(Some(Delayed), Placed,    false),
    order(Some(Delayed), Ready,     true),
    order(Some(Ready),   Placed,    false),
    order(Some(Ready),   Delayed,   false),
    order(None,          Cancelled, false),
    order(Some(Placed),  Cancelled, false),
    order(Some(Ready),   Cancelled, false),
    order(Some(Delayed), Cancelled, false),
    order(None,          Completed, false),
    order(Some(Placed),  Completed, false),
    order(Some(Ready),   Completed, false),
    order(Some(Delayed), Completed, false),
];

/// What it means that an order is told to stand so; none: nothing.
pub fn order_next(from: Option<OrderState>, to: OrderState) -> Option<&'static OrderStep> {
    ORDERS
        .iter()
        .find(|step| step.from == from && step.to == to)
}

/// How loudly a card calls for somebody to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// Whoever is near should go, whatever she is at.
    Everybody,
    /// The manager has to see to it.
    Manager,
}

/// A rung of the ladder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallStep {
    /// How loud it is; none: as a new card is.
    pub from: Option<Call>,
    /// After so long without anybody who goes.
    pub after_ms: u64,
    /// How loud it is then.
    pub to: Call,
}

/// The ladder: each rung once an episode. The second is the time after which a wait is too long.
pub const CALLS: &[CallStep] = &[
    CallStep {
        from: None,
        after_ms: 60_000,
        to: Call::Everybody,
    },
    CallStep {
        from: Some(Call::Everybody),
        after_ms: 120_000,
        to: Call::Manager,
    },
];

/// The next rung; none: it is as loud as can be.
pub fn call_next(from: Option<Call>) -> Option<&'static CallStep> {
    CALLS.iter().find(|step| step.from == from)
}
