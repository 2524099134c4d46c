//! What the engine says.
//!
//! The server commits an [`Outcome`] in one transaction with the input that caused it. Every row
//! that must not exist twice has an id that the engine derives from its own state, so a replay
//! gives the same ids.
//! Invariant: an outcome speaks of customers who agreed, and of nobody else.

use protocol::{
    AnchorId, CampaignId, CardId, CustomerId, DecisionId, DeliveryId, OrderId, RewardId, Sku,
    StaffId, VisitId, ZoneId,
};
use serde::{Deserialize, Serialize};

use crate::input::{DeskNews, MatchFacts, Observation};
pub use crate::journey::{Call, Journey};

/// All that one input led to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Changes of visits and zone stays, in order.
    pub visits: Vec<VisitChange>,
    /// Cards that changed, each as it now stands.
    pub cards: Vec<Card>,
    /// Choices made, notify or not.
    pub decisions: Vec<Decision>,
    /// What to tell, one row per recipient and channel.
    pub deliveries: Vec<Delivery>,
    /// Orders that were handed over a moment ago: not final yet, and no longer to be collected.
    #[serde(default)]
    pub held: Vec<OrderId>,
    /// Orders whose hand-over was taken back.
    #[serde(default)]
    pub released: Vec<OrderId>,
    /// Calls for help that are over since she left.
    #[serde(default)]
    pub cancelled: Vec<OrderId>,
    /// Orders that were handed over, for good.
    pub completed: Vec<OrderId>,
    /// Episodes at the desk that are over for good: no tap changes them.
    #[serde(default)]
    pub over: Vec<Over>,
    /// Cards that call louder than before, in order.
    #[serde(default)]
    pub calls: Vec<Called>,
    /// Facts wanted; each comes back as an input.
    pub questions: Vec<Question>,
    /// The answer to a tap; none for any other input.
    pub tap: Option<TapAnswer>,
    /// Observations that were not used, by reason.
    pub refused: Refused,
}

/// An episode at the desk, once it is over: from when she came until she had it, or had left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Over {
    /// Which.
    pub card: CardId,
    /// What she came for.
    pub orders: Vec<OrderId>,
    /// When she came; none: she was handed it without having been noticed.
    pub came_ms: Option<u64>,
    /// When a colleague first took the card; none: nobody did.
    pub first_taken_ms: Option<u64>,
    /// When it was handed over, or when she had left without it.
    pub ended_ms: u64,
    /// Whether she was handed it.
    pub served: bool,
}

impl Outcome {
    /// What happened at the desk, as another engine is told of it.
    pub fn at_desk(&self) -> DeskNews {
        DeskNews {
            cards: self.cards.clone(),
            held: self.held.clone(),
            released: self.released.clone(),
            completed: self.completed.clone(),
            cancelled: self.cancelled.clone(),
            over: self.over.clone(),
            calls: self.calls.clone(),
        }
    }
}

/// Observations that the engine did not use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Anchor that is not in the layout.
    pub unknown_anchor: u32,
    /// Customer whose switches allow no visit.
    pub no_consent: u32,
    /// Stronger than -20 dBm, or stamped after now: no such thing in a shop.
    pub implausible: u32,
    /// Customers, orders and late observations past a named bound.
    #[serde(default)]
    pub shed: u32,
}

/// A change in visit history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum VisitChange {
    /// She came in.
    Entered {
        /// The new visit.
        visit: VisitId,
        /// Whose.
        customer: CustomerId,
        /// When the belief began, not when it was sure.
        entered_ms: u64,
        /// Why the row may exist.
        purpose: Purpose,
        /// From late sightings: history only.
        late: bool,
        /// What the belief rested on.
        why: Why,
    },
    /// She is in a zone from `from_ms` on; any other open zone stay of the visit ends then.
    ZoneEntered {
        /// In which visit.
        visit: VisitId,
        /// Which zone.
        zone: ZoneId,
        /// Since when.
        from_ms: u64,
        /// What the belief rested on.
        why: Why,
    },
    /// She is in the store, and no zone is likely enough to be said: an open zone stay ends.
    ZoneLost {
        /// In which visit.
        visit: VisitId,
        /// Since when.
        from_ms: u64,
        /// What the belief rested on.
        why: Why,
    },
    /// She left the store; an open zone stay ends then too.
    Left {
        /// Which visit.
        visit: VisitId,
        /// When she was last heard, not when we were sure.
        left_ms: u64,
        /// What the belief rested on.
        why: Why,
    },
    /// Late sightings moved the edges of a visit.
    Revised {
        /// Which visit.
        visit: VisitId,
        /// The new beginning.
        entered_ms: u64,
        /// The new end; none: still here.
        left_ms: Option<u64>,
    },
    /// The visit has no purpose left and its rows go.
    Erased {
        /// Which visit.
        visit: VisitId,
    },
}

/// What a change of a visit rested on, at the moment at which it was decided: enough to explain it
/// to a manager, and nothing of where she was before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Why {
    /// What made the difference.
    pub because: Because,
    /// When it was decided; the change itself is dated back to when it began.
    pub decided_ms: u64,
    /// The likeliest zones with their probabilities, likeliest first, at most [`WHY_ZONES_MAX`].
    pub zones: Vec<(ZoneId, f32)>,
    /// What anchors last had of her, strongest first, at most [`WHY_HEARD_MAX`].
    pub heard: Vec<HeardAt>,
}

/// Zones that a [`Why`] names at most.
pub const WHY_ZONES_MAX: usize = 3;

/// Anchors that a [`Why`] names at most.
pub const WHY_HEARD_MAX: usize = 4;

/// What one anchor last had of her.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeardAt {
    /// Which anchor.
    pub anchor: AnchorId,
    /// How strongly.
    pub rssi_dbm: i8,
    /// How long before the decision.
    pub ago_ms: u64,
}

/// What made the difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Because {
    /// Her radios were heard so.
    Radio,
    /// She said so: "Ik ben er", or the code at the door.
    SaidSo,
    /// Nothing was heard for longer than her radios are usually silent.
    Silence,
    /// She was heard, but only so weakly that she must be outside.
    HeardOutside,
    /// Her last order here is done, and she agreed to nothing else.
    OrderDone,
    /// She took her consent back.
    ConsentWithdrawn,
    /// There were too many customers to follow.
    Shed,
    /// Late sightings, laid beside what was known.
    Late,
}

impl Why {
    /// Nothing but the reason.
    pub fn only(because: Because, decided_ms: u64) -> Self {
        Self {
            because,
            decided_ms,
            zones: Vec::new(),
            heard: Vec::new(),
        }
    }
}

/// The purpose that a row exists for, the widest that consent gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// For her order alone; ends with it.
    Arrival,
    /// For messages in the shop.
    Messages,
    /// For figures.
    Statistics,
}

/// All that one customer has open in this store, as staff see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// Which; a new one for each episode.
    pub card: CardId,
    /// Whose.
    pub customer: CustomerId,
    /// What she may be given here now, oldest id first.
    pub orders: Vec<OrderId>,
    /// How far she is.
    pub journey: Journey,
    /// When she came in; on her way: since when that is known.
    pub arrived_ms: u64,
    /// When she expects to be here, while she is on her way and said so.
    #[serde(default)]
    pub eta_ms: Option<u64>,
    /// Until when the hand-over may be taken back.
    #[serde(default)]
    pub undo_until_ms: Option<u64>,
    /// When the journey last changed.
    pub since_ms: u64,
    /// Who goes to her.
    pub taken_by: Option<StaffId>,
    /// When that colleague took it.
    pub taken_ms: Option<u64>,
    /// Where she probably stands, most likely first, at most two; shares of 1.
    pub whereabouts: Vec<(ZoneId, f32)>,
    /// Wrong codes so far.
    pub wrong_codes: u32,
    /// A colleague looked and did not find her.
    pub not_here: bool,
    /// Another store hears her too: look twice who stands there.
    #[serde(default)]
    pub check: bool,
    /// How loudly it has called so far; who goes to her ends it, and nothing makes it less.
    #[serde(default)]
    pub called: Option<Call>,
    /// Somebody else collects what she shared with him: he said so, or his code was used.
    #[serde(default)]
    pub somebody_else: bool,
}

/// Nobody went, so the card calls louder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Called {
    /// Which card.
    pub card: CardId,
    /// Whose.
    pub customer: CustomerId,
    /// How loudly.
    pub call: Call,
    /// Since when she waits for a colleague.
    pub waits_from_ms: u64,
}

/// The answer to a tap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum TapAnswer {
    /// As asked.
    Done,
    /// A colleague was earlier.
    TakenBy {
        /// Who.
        staff: StaffId,
    },
    /// Not the code of any order on this card.
    WrongCode {
        /// Tries before a pause.
        tries_left: u32,
    },
    /// Too many wrong codes; again from this time.
    Paused {
        /// Server time.
        until_ms: u64,
    },
    /// The code is right, and nobody has said that she is old enough.
    AgeUnseen,
    /// The card is closed.
    Closed,
    /// Another engine has the desk of this store.
    Elsewhere,
    /// No such card here.
    Unknown,
}

/// What happened to her that may be a reason to tell her something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// What.
    pub when: When,
    /// In which zone; for an exit the last one.
    pub zone: ZoneId,
}

/// Which kind of moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// She came into a zone.
    Enter,
    /// She has been in it for so long.
    Dwell {
        /// Seconds, at least 1.
        seconds: u32,
    },
    /// She left the store.
    Exit,
}

/// One choice: tell, or be silent, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// Which.
    pub decision: DecisionId,
    /// About whom.
    pub customer: CustomerId,
    /// In which visit.
    pub visit: VisitId,
    /// At which moment; none for late history.
    pub moment: Option<Moment>,
    /// When.
    pub at_ms: u64,
    /// How likely she stood in the moment's zone, as a share of 1; 0 for late history.
    #[serde(default)]
    pub share: f32,
    /// Tell or not.
    pub choice: Choice,
    /// Whether she was told or held out, once nothing else spoke against a campaign.
    pub arm: Option<Arm>,
    /// Each campaign that the moment set off, best first; the first is the one that was chosen.
    pub weighed: Vec<Weighed>,
    /// Each product with its score or the reason against it, best first.
    pub considered: Vec<Considered>,
    /// The facts that it rests on; none for late history.
    pub facts: Option<MatchFacts>,
}

impl Decision {
    /// The campaign whose turn it was: told, or held out of.
    pub fn campaign(&self) -> Option<CampaignId> {
        let turn = self.weighed.first().filter(|_| self.arm.is_some())?;
        Some(turn.campaign)
    }

    /// The product that was told, or would have been.
    pub fn sku(&self) -> Option<&Sku> {
        match &self.weighed.first().filter(|_| self.arm.is_some())?.subject {
            Some(Subject::Product { sku }) => Some(sku),
            _ => None,
        }
    }
}

/// Tell or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "choice", rename_all = "snake_case")]
pub enum Choice {
    /// Tell her.
    Notify {
        /// By which campaign.
        campaign: CampaignId,
        /// About what.
        subject: Subject,
    },
    /// Be silent.
    Suppress {
        /// Why.
        reason: Reason,
    },
}

/// What a message is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "subject", rename_all = "snake_case")]
pub enum Subject {
    /// A product.
    Product {
        /// Which.
        sku: Sku,
    },
    /// A reward of hers.
    Reward {
        /// Which.
        reward: RewardId,
    },
    /// The store itself.
    Store,
}

/// The two groups that a campaign is measured by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arm {
    /// Was told.
    Told,
    /// Would have been told.
    HeldOut,
}

/// One campaign at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Weighed {
    /// Which.
    pub campaign: CampaignId,
    /// Which text of it.
    pub version: u32,
    /// What it would have been about.
    pub subject: Option<Subject>,
    /// The product's score; 0 for what is not about one.
    pub score: f64,
    /// Why it was out, if it was.
    pub out: Option<Reason>,
}

/// Why the system is silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// She did not agree to messages, or to the use of what she did online.
    NoConsent,
    /// No campaign waits for this moment.
    NoCampaign,
    /// She did nothing online that is recent enough and that the campaign is about.
    NoIntent,
    /// What she looked at is not in this zone.
    NotPlacedHere,
    /// This store has none left.
    OutOfStock,
    /// Not cheaper than when she put it on her wishlist.
    NotCheaper,
    /// Was not sold out, or has been back for long.
    NotBackInStock,
    /// She has no reward that runs out soon.
    NoReward,
    /// Told in this visit.
    ToldThisVisit,
    /// As many today as she may get.
    FrequencyCap,
    /// As many of this campaign in this visit as she may get.
    CapVisit,
    /// As many of this campaign today as she may get.
    CapPersonDay,
    /// As many of this campaign in seven days as she may get.
    CapPersonWeek,
    /// As many of this campaign in this store today as may be.
    CapStore,
    /// As many of this campaign in all stores as may be.
    CapAll,
    /// She got one of this campaign not long ago.
    CoolingDown,
    /// The campaign does not run now.
    NotScheduled,
    /// The campaign is for others.
    NotInAudience,
    /// Nobody can say surely enough where she stands.
    Uncertain,
    /// A value that the text needs is not known, or there is no text in her language.
    MissingValue,
    /// She is one of those who are told nothing, to see what the campaign changes.
    Holdout,
    /// She asked for silence today, or from this store.
    Paused,
    /// She does not want to hear of this topic.
    Muted,
    /// She waits for her order: service comes first.
    ServiceFirst,
    /// The store is closed.
    Closed,
    /// The store's quiet hours.
    QuietHours,
    /// Heard too late.
    Stale,
    /// Another store hears her too, so that nobody knows where she is.
    InTwoStores,
    /// She left the zone or the store before the answer came.
    Departed,
}

impl Reason {
    /// Whether there was something to tell and it was held back; else there was nothing for her.
    pub fn held_back(self) -> bool {
        !matches!(
            self,
            Self::NoCampaign
                | Self::NoIntent
                | Self::NotPlacedHere
                | Self::NotCheaper
                | Self::NotBackInStock
                | Self::NoReward
                | Self::NotScheduled
                | Self::NotInAudience
        )
    }
}

/// One candidate of a decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Considered {
    /// The product.
    pub sku: Sku,
    /// Its score: the sum of its features.
    pub score: f64,
    /// What the score is made of; see the matching module for the weights.
    #[serde(default)]
    pub features: Vec<(Feature, f64)>,
    /// Why it was out, if it was.
    pub out: Option<Reason>,
}

/// What a product's score is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Feature {
    /// In her cart.
    Carted,
    /// On her wishlist.
    Wishlisted,
    /// Viewed again and again.
    ViewedOften,
    /// Viewed.
    Viewed,
    /// In an article that she read.
    Read,
    /// Cheaper than when she put it on her wishlist.
    Cheaper,
    /// There again after it was sold out.
    BackInStock,
    /// Of a category that she often looks at.
    Affinity,
}

/// One thing to tell one recipient over one channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Which.
    pub delivery: DeliveryId,
    /// To whom.
    pub customer: CustomerId,
    /// What for.
    pub cause: Cause,
    /// Pointless from this time on.
    pub relevant_until_ms: u64,
}

/// What a delivery is for. Marketing is sent at most once, service at least once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "cause", rename_all = "snake_case")]
pub enum Cause {
    /// Marketing: a decision to notify.
    Offer {
        /// Which decision.
        decision: DecisionId,
        /// In which visit.
        visit: VisitId,
        /// Of which campaign.
        campaign: CampaignId,
        /// About what.
        subject: Subject,
        /// Meant for the time after she left; others are dropped then.
        after_exit: bool,
    },
    /// Service: "we know that you are here".
    Arrival {
        /// Which card.
        card: CardId,
    },
    /// Service: "your order is ready", once for each order.
    Ready {
        /// Which order.
        order: OrderId,
    },
}

/// Facts that the engine wants before it can go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "question", rename_all = "snake_case")]
pub enum Question {
    /// Something happened that a campaign waits for: what is known of her?
    Match {
        /// Who.
        customer: CustomerId,
        /// In which visit.
        visit: VisitId,
        /// What happened.
        moment: Moment,
        /// Campaigns that this moment sets off and that have a cap for all.
        capped: Vec<CampaignId>,
        /// How far back caps and cool-downs look.
        told_since_ms: u64,
    },
    /// Late sightings: which visits does the store know around them?
    History {
        /// Who.
        customer: CustomerId,
        /// The late sightings, oldest first.
        late: Vec<Observation>,
    },
}
