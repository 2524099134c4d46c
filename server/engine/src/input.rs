//! What the engine is told.
//!
//! Everything here is written to the store's input log before its outcome is committed, so a
//! snapshot and the inputs since give the same state again.
//! Invariant: an input is complete; the engine asks nobody for more while it works on one. What
//! it wants to know next it asks as a [`crate::outcome::Question`], and hears as another input.

use std::collections::{BTreeMap, BTreeSet};

use protocol::{
    AnchorId, CampaignId, CardId, CustomerId, DecisionId, OrderId, RadioId, RewardId, Sku, StaffId,
    VisitId, ZoneId,
};
use serde::{Deserialize, Serialize};

use crate::{
    campaign::Campaign,
    outcome::{Called, Card, Moment, Over},
};

/// One entry of a store's input log; the log adds store, sequence number and time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Input {
    /// Time passed and something was due (see `StoreEngine::due_at`).
    Tick,
    /// The store's zones, anchors and rules, whole; replaces what was known.
    Layout(Layout),
    /// These anchors hear nothing from now on, all others do: their gateway is off, restarting or
    /// cut off. Silence at a deaf anchor is no sign that anybody left.
    Deaf {
        /// All anchors of the store that are deaf now.
        anchors: Vec<AnchorId>,
    },
    /// What one batch heard of resolved customers.
    Sightings {
        /// In the order in which the gateway closed them.
        sightings: Vec<Observation>,
    },
    /// Another store heard one of her radios within one quantum of its identity: one of the two is
    /// a copy, or she is very quick. Fed to both.
    InTwoStores {
        /// Who.
        customer: CustomerId,
    },
    /// A customer's switches, all of them, as they stand from now on.
    Consent {
        /// Whose.
        customer: CustomerId,
        /// The switches.
        consent: Consent,
    },
    /// An order at this store as it stands from now on.
    Order(Order),
    /// Her phone says that she is coming.
    Coming {
        /// Who.
        customer: CustomerId,
        /// What she agreed to when she said it.
        consent: Consent,
        /// How near she is.
        how: Coming,
    },
    /// Somebody to whom she sent a link to an order of hers says that he is here for it.
    Collects {
        /// Whose order it is.
        customer: CustomerId,
        /// What she agreed to when he said it.
        consent: Consent,
        /// Which order.
        order: OrderId,
    },
    /// The campaigns that are published, all of them; replaces what was known.
    Campaigns {
        /// At most [`crate::campaign::CAMPAIGNS_MAX`].
        campaigns: Vec<Campaign>,
    },
    /// A colleague's tap on a card.
    Tap(Tap),
    /// What happened at the desk, told by the engine that has it or had it.
    Desk(DeskNews),
    /// The answer to [`crate::outcome::Question::Match`].
    Match {
        /// Whom it is about.
        customer: CustomerId,
        /// The visit that asked.
        visit: VisitId,
        /// The moment that asked.
        moment: Moment,
        /// What is known of her now.
        facts: MatchFacts,
    },
    /// The answer to [`crate::outcome::Question::History`].
    History {
        /// Whom it is about.
        customer: CustomerId,
        /// The late sightings, as asked.
        late: Vec<Observation>,
        /// Her visits in this store that overlap or touch them, oldest first.
        visits: Vec<PastVisit>,
    },
    /// Nothing may be known of this customer any longer.
    Forget {
        /// Whom.
        customer: CustomerId,
    },
}

/// A sighting whose identity was resolved to a customer who agreed to be seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// Who.
    pub customer: CustomerId,
    /// By which of her radios.
    pub radio: RadioId,
    /// Where.
    pub anchor: AnchorId,
    /// First advertisement of the window, in the server's time.
    pub heard_first_ms: u64,
    /// Last advertisement of the window.
    pub heard_last_ms: u64,
    /// Advertisements in the window.
    pub count: u32,
    /// Median strength. For a certain sighting: 0, not used.
    pub rssi_dbm: i8,
    /// Not a radio: she pressed "Ik ben er" or scanned the code at this anchor.
    pub certain: bool,
    /// Too old for the live belief: history only.
    pub late: bool,
    /// What she agreed to when this was heard.
    pub consent: Consent,
}

/// The four switches. All off is the beginning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// Staff may know that she is here for her order.
    pub arrival: bool,
    /// Messages in the shop.
    pub messages: bool,
    /// Her wishlist, cart and browsing may choose them.
    pub browsing: bool,
    /// Her visits count in figures.
    pub statistics: bool,
}

impl Consent {
    /// Whether a visit may be kept at all; `open_order` since consent for arrival alone makes a
    /// visit that ends with the order.
    pub fn allows_visit(self, open_order: bool) -> bool {
        self.messages || self.statistics || (self.arrival && open_order)
    }
}

/// What the store looks like and which rules hold in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// Anchor to zone.
    pub anchors: BTreeMap<AnchorId, Anchor>,
    /// Where zones lie, as far as a floor plan tells.
    #[serde(default)]
    pub areas: BTreeMap<ZoneId, Area>,
    /// What a calibration walk found, at most one for each anchor and zone.
    #[serde(default)]
    pub surveyed: Vec<Surveyed>,
    /// The store's rules.
    pub rules: Rules,
}

/// A radio at a known place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    /// The zone that it stands in.
    pub zone: ZoneId,
    /// A visit begins once her smoothed strength at this anchor is at least this.
    pub enter_rssi_dbm: i8,
    /// Where it hangs on the floor plan.
    #[serde(default)]
    pub place: Option<Place>,
    /// A fixed beacon, which phones hear; else an antenna, which hears phones.
    #[serde(default)]
    pub beacon: bool,
}

/// A point on the floor plan, in centimetres from its south-west corner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// East.
    pub x_cm: i32,
    /// North.
    pub y_cm: i32,
}

/// A zone on the floor plan: a rectangle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Area {
    /// Its south-west corner.
    pub corner: Place,
    /// From west to east, in centimetres.
    pub wide_cm: u32,
    /// From south to north, in centimetres.
    pub deep_cm: u32,
    /// A way out of the store begins here.
    pub door: bool,
}

/// What one anchor had of the walker's radio while she stood in one zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Surveyed {
    /// Which anchor.
    pub anchor: AnchorId,
    /// In which zone she said she was.
    pub zone: ZoneId,
    /// For how long, in milliseconds.
    pub stood_ms: u64,
    /// Sightings in that time; none is a finding too.
    pub sightings: u32,
    /// Their mean strength, in hundredths of a dBm; 0 without sightings.
    pub mean_cdbm: i32,
    /// Their standard deviation, in hundredths of a dB.
    pub sigma_cdb: u32,
}

/// Limits that the retailer sets per store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// Marketing messages to one person in one local day at most, of all campaigns.
    pub messages_per_day_max: u32,
    /// No marketing from the first to before the second, in minutes after local midnight; may
    /// wrap around midnight.
    pub quiet_minutes: Option<(u16, u16)>,
    /// Marketing only while the store is open: from the first to before the second minute.
    #[serde(default)]
    pub open_minutes: Option<(u16, u16)>,
    /// A zone is said once it is this likely, in thousandths.
    #[serde(default = "say_permille")]
    pub say_permille: u16,
    /// Of those who pass outside, so many in a thousand may be taken for arrivals.
    #[serde(default = "false_arrivals_permille")]
    pub false_arrivals_permille: u16,
    /// A machine in the store has the desk: cards are opened and moved there, and told from there.
    #[serde(default)]
    pub desk_elsewhere: bool,
}

fn say_permille() -> u16 {
    900
}

fn false_arrivals_permille() -> u16 {
    10
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            messages_per_day_max: 2,
            quiet_minutes: None,
            open_minutes: None,
            say_permille: say_permille(),
            false_arrivals_permille: false_arrivals_permille(),
            desk_elsewhere: false,
        }
    }
}

/// What a phone can say before it is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "snake_case")]
pub enum Coming {
    /// "Onderweg."
    OnWay {
        /// When she expects to be here.
        eta_ms: u64,
    },
    /// The phone is within the store's fence.
    Near,
}

/// An order as far as the shop floor needs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Which.
    pub order: OrderId,
    /// Whose.
    pub customer: CustomerId,
    /// What it is for.
    #[serde(default, rename = "for")]
    pub kind: OrderKind,
    /// How far it is.
    pub state: OrderState,
    /// What the customer says at the desk.
    pub code: String,
    /// When the shop said so; an older word than the last one changes nothing. 0: not known.
    #[serde(default)]
    pub as_of_ms: u64,
    /// From then on it is not to be dealt with any more; none: no end.
    #[serde(default)]
    pub due_ms: Option<u64>,
    /// Some of it may go only to who is old enough: a colleague has to have looked.
    #[serde(default)]
    pub age_checked: bool,
    /// What somebody else says at the desk to collect this order and no other; none: she shared it
    /// with nobody.
    #[serde(default)]
    pub share_code: Option<String>,
}

/// What she comes for.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum OrderKind {
    /// Paid or to be paid, and collected here.
    #[default]
    ClickAndCollect,
    /// Set aside, to try and perhaps to buy.
    Reservation,
    /// Goods that she brings back.
    Return,
    /// Things of her wishlist, hung ready in a fitting room.
    TryOn,
    /// "Please help me here."
    Help,
}

impl OrderKind {
    /// Whether staff have something to lay ready before she may come. A return and a call for
    /// help need a colleague as soon as she is here.
    pub fn is_set_aside(self) -> bool {
        matches!(
            self,
            Self::ClickAndCollect | Self::Reservation | Self::TryOn
        )
    }

    /// Whether goods or money change hands, so that a code must be right. Help is free.
    pub fn needs_code(self) -> bool {
        self != Self::Help
    }
}

/// How far an order is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    /// Taken in, not yet set aside.
    Placed,
    /// Set aside: she may come.
    Ready,
    /// Later than promised.
    Delayed,
    /// Will not be.
    Cancelled,
    /// Handed over.
    Completed,
}

impl OrderState {
    /// Whether something is still to happen.
    pub fn is_open(self) -> bool {
        !matches!(self, Self::Cancelled | Self::Completed)
    }
}

/// What happened at the desk of a store: cards as they stand now, and what became of orders.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeskNews {
    /// Cards that changed, each as it now stands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cards: Vec<Card>,
    /// Handed over, and that may still be taken back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<OrderId>,
    /// Taken back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub released: Vec<OrderId>,
    /// Handed over, for good.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub completed: Vec<OrderId>,
    /// Calls for help that are over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cancelled: Vec<OrderId>,
    /// Episodes that are over, for figures.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub over: Vec<Over>,
    /// Cards that called louder.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<Called>,
}

impl DeskNews {
    /// Whether nothing happened.
    pub fn is_empty(&self) -> bool {
        let Self {
            cards,
            held,
            released,
            completed,
            cancelled,
            over,
            calls,
        } = self;
        let orders = [held, released, completed, cancelled];
        cards.is_empty()
            && over.is_empty()
            && calls.is_empty()
            && orders.iter().all(|orders| orders.is_empty())
    }
}

/// A colleague's tap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tap {
    /// On which card.
    pub card: CardId,
    /// Who tapped.
    pub staff: StaffId,
    /// What.
    pub action: TapAction,
}

/// What a tap says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TapAction {
    /// "I go."
    Take,
    /// "I go in her place."
    TakeOver {
        /// Who holds the card, as the board said; if it is another one by now, she keeps it.
        from: StaffId,
    },
    /// "I do not go after all"; on a card that was just served: "she does not have it after all".
    Undo,
    /// "I looked: she is not here."
    NotHere,
    /// "She has it", with the code that she said.
    HandOver {
        /// As typed.
        code: String,
        /// "I saw that she is old enough."
        #[serde(default)]
        age_seen: bool,
    },
}

/// All that a decision may use; kept with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MatchFacts {
    /// Her switches at this moment.
    pub consent: Consent,
    /// What she did online, with this store's placement and stock. Bought products are not here.
    pub candidates: Vec<Candidate>,
    /// Her rewards that are neither used nor over.
    pub rewards: Vec<Reward>,
    /// Marketing decided for her, newest last, as far back as any cap or cool-down looks. What was
    /// never sent is not here.
    pub told: Vec<Told>,
    /// How often campaigns with a cap for all were told, if at all.
    pub counts: Vec<CampaignCount>,
    /// Her loyalty tier.
    pub tier: Option<String>,
    /// Her how manieth visit to this chain this is; 1 is the first.
    pub visit_number: u32,
    /// Of her language: `nl`, `en`.
    pub language: String,
    /// Whether her first name is known.
    pub given_name: bool,
    /// She asked for silence today, or from this store.
    pub paused: bool,
    /// Topics that she does not want to hear of.
    pub muted_topics: BTreeSet<String>,
    /// A colleague is on the way to her, or should be: service comes first.
    pub waits_for_order: bool,
    /// Another store hears her too.
    pub in_two_stores: bool,
    /// The last midnight in the store's time zone.
    pub today_from_ms: u64,
    /// Minutes after midnight in the store's time zone.
    pub local_minute: u16,
    /// 1 (Monday) to 7 (ISO 8601).
    pub weekday: u8,
}

impl MatchFacts {
    /// Marketing decided for her today, in all stores.
    pub fn told_today(&self) -> usize {
        let today = |told: &&Told| told.at_ms >= self.today_from_ms;
        self.told.iter().filter(today).count()
    }
}

/// A message that was decided for her.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// By which decision.
    pub decision: DecisionId,
    /// Of which campaign.
    pub campaign: CampaignId,
    /// About which product.
    pub sku: Option<Sku>,
    /// In which visit.
    pub visit: VisitId,
    /// When.
    pub at_ms: u64,
}

/// How often a campaign was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CampaignCount {
    /// Which.
    pub campaign: CampaignId,
    /// In this store since local midnight.
    pub store_today: u32,
    /// In all stores in the last 24 hours, in whole hours.
    pub all_day: u32,
}

/// A reward that is hers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reward {
    /// Which.
    pub reward: RewardId,
    /// Until when.
    pub expires_ms: u64,
}

/// One product that she did something with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// The product.
    pub sku: Sku,
    /// The strongest thing that she did with it and did not undo.
    pub intent: IntentKind,
    /// How often she viewed it.
    pub views: u32,
    /// When she last did something with it.
    pub last_ms: u64,
    /// When she last read an article that it was in.
    pub read_ms: Option<u64>,
    /// Where this store has it; none: not placed here.
    pub zone: Option<ZoneId>,
    /// On which shelf, in the shop's own words.
    pub shelf: Option<String>,
    /// How many this store has.
    pub stock: u32,
    /// When it last came back into stock here after it had been sold out.
    pub back_ms: Option<u64>,
    /// Its price, in the currency's minor unit; 0: not known.
    pub price_minor: u64,
    /// Its price when she put it on her wishlist.
    pub wished_price_minor: Option<u64>,
    /// Of all that she did online lately, the share that was about its category; a share of 1.
    pub affinity: f32,
}

/// What a shopper did online, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntentKind {
    /// Read an article that it was in.
    Read,
    /// Looked at it.
    Viewed,
    /// Put it on her wishlist.
    Wishlisted,
    /// Put it in her cart.
    Carted,
    /// Bought it; never a candidate.
    Ordered,
}

/// A visit that the store already knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastVisit {
    /// Which.
    pub visit: VisitId,
    /// When it began.
    pub entered_ms: u64,
    /// When it ended; none: she is here now.
    pub left_ms: Option<u64>,
}
