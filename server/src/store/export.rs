//! All that is kept of one customer, in one piece: what she may see, and take along (GDPR,
//! articles 15 and 20).
//!
//! In: a customer. Out: every row that is hers, told in words that a machine and a person can read.
//! Promises: a test walks the schema, and fails when a column of hers is neither read here nor on
//! the list of those that are left out, each with its reason.
//! Invariant: no key, token, hash or address that opens something; no colleague who served her.

mod floor;
mod loyalty;
mod names;
mod person;
mod rows;
mod shop;
#[cfg(test)]
mod tests;

use protocol::{
    CampaignId, CardId, CustomerId, DecisionId, DeliveryId, DeviceId, OrderId, RadioId, RewardId,
    VisitId,
};
use rusqlite::Connection;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::StoreError;
pub(crate) use loyalty::{Earned, Stamp, StampCard};

/// The shape of [`Export`]; it rises when a field goes or changes its meaning.
pub(crate) const VERSION: u32 = 1;

/// All that is kept of one customer. Times are Unix milliseconds, amounts are in the currency's
/// minor unit.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct Export {
    /// `welkom-export`.
    pub(crate) format: &'static str,
    /// Of the shape: 1.
    pub(crate) version: u32,
    /// When it was made.
    pub(crate) made_ms: u64,
    /// Who.
    pub(crate) customer: Person,
    /// What she agreed to, and took back: oldest first.
    pub(crate) consent: Vec<Consent>,
    /// Her phones and fobs.
    pub(crate) devices: Vec<Device>,
    /// Codes with which a phone can be enrolled.
    pub(crate) enrolments: Vec<Enrolment>,
    /// Links to her page that were not opened yet.
    pub(crate) page_links: Vec<Expires>,
    /// Browsers in which her page is open.
    pub(crate) sessions: Vec<Expires>,
    /// Where she can be woken.
    pub(crate) push_addresses: Vec<PushAddress>,
    /// Which channel she wants first; none: she never said.
    pub(crate) channels: Option<Vec<String>>,
    /// What she does not want to hear.
    pub(crate) mutes: Vec<Mute>,
    /// What she did online, with which product.
    pub(crate) online: Vec<Online>,
    /// Categories that she looked at, without a product.
    pub(crate) categories: Vec<Category>,
    /// What she bought.
    pub(crate) purchases: Vec<Purchase>,
    /// Her stamp card; none: she is no member.
    pub(crate) stamp_card: Option<StampCard>,
    /// What she ordered to collect it.
    pub(crate) orders: Vec<Order>,
    /// What staff saw when she came for her orders.
    pub(crate) cards: Vec<Card>,
    /// When she was in a store, and where in it.
    pub(crate) visits: Vec<Visit>,
    /// Each moment at which it was weighed whether to tell her something.
    pub(crate) decisions: Vec<Decision>,
    /// Messages to her.
    pub(crate) messages: Vec<Message>,
    /// Calibration walks that follow her radio.
    pub(crate) walks: Vec<Walk>,
    /// What a person was asked to do about her.
    pub(crate) tasks: Vec<Task>,
    /// What was told of her to systems of the shop.
    pub(crate) told_to_others: Vec<ToldToOthers>,
    /// What the ids above are called.
    pub(crate) names: Vec<Name>,
}

/// Who she is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Person {
    #[schema(value_type = String)]
    pub(crate) customer: CustomerId,
    /// The shop's own id of her.
    pub(crate) external_id: String,
    pub(crate) given_name: String,
    pub(crate) family_name: String,
    pub(crate) salutation: Option<String>,
    /// `nl` or `en`.
    pub(crate) language: String,
    pub(crate) created_ms: u64,
}

/// One answer of hers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Consent {
    /// `arrival`, `messages`, `browsing` or `statistics`.
    pub(crate) purpose: String,
    /// Yes or no.
    pub(crate) granted: bool,
    /// Of the words that she saw.
    pub(crate) text_version: String,
    pub(crate) language: String,
    /// Where she said it: `app`, `page`, `import`.
    pub(crate) source: String,
    pub(crate) at_ms: u64,
}

/// A phone or a fob. Its keys and its token are left out: they open things.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Device {
    #[schema(value_type = String)]
    pub(crate) device: DeviceId,
    /// `android`, `ios` or `fob`.
    pub(crate) platform: String,
    pub(crate) created_ms: u64,
    /// What it advertises with, one after the other.
    pub(crate) radios: Vec<Radio>,
}

/// One identity over the air, without its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Radio {
    #[schema(value_type = String)]
    pub(crate) radio: RadioId,
    pub(crate) valid_from_ms: u64,
    pub(crate) valid_to_ms: Option<u64>,
}

/// A code for a phone; the code itself is not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Enrolment {
    pub(crate) expires_ms: u64,
    pub(crate) used_ms: Option<u64>,
}

/// Something that runs out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Expires {
    pub(crate) expires_ms: u64,
}

/// Where a device can be woken; the address itself is left out: whoever has it can reach her.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct PushAddress {
    /// `web_push`, `fcm` or `apns`.
    pub(crate) kind: String,
    /// None: a browser.
    #[schema(value_type = Option<String>)]
    pub(crate) device: Option<DeviceId>,
    pub(crate) registered_ms: u64,
}

/// Silence that she asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Mute {
    /// `pause`, `store` or `topic`.
    pub(crate) kind: String,
    /// Which store or topic.
    pub(crate) value: String,
    /// None: until she says otherwise.
    pub(crate) until_ms: Option<u64>,
}

/// One thing that she did online.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Online {
    /// `viewed`, `wishlisted`, `unwishlisted`, `carted`, `uncarted`, `ordered` or `read`.
    pub(crate) did: String,
    pub(crate) sku: String,
    /// `sku` names a product of which the variant is not known.
    pub(crate) grouped: bool,
    pub(crate) at_ms: u64,
    /// Of a wish: the price at that time.
    pub(crate) price_minor: Option<u64>,
}

/// A category that she looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Category {
    pub(crate) category: String,
    pub(crate) at_ms: u64,
}

/// Something that she bought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Purchase {
    /// The shop's own number, behind the name of who told it.
    pub(crate) receipt: String,
    /// None: online.
    pub(crate) store: Option<String>,
    pub(crate) at_ms: Option<u64>,
    pub(crate) total_minor: Option<u64>,
    pub(crate) currency: Option<String>,
    /// `bought`, `cancelled` or `refunded`.
    pub(crate) state: String,
    /// Since when the shop says so.
    pub(crate) version_ms: u64,
    pub(crate) lines: Vec<PurchaseLine>,
}

/// A line of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct PurchaseLine {
    pub(crate) sku: String,
    pub(crate) grouped: bool,
    pub(crate) quantity: u32,
    pub(crate) price_minor: Option<u64>,
}

/// An order that she collects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Order {
    #[schema(value_type = String)]
    pub(crate) order: OrderId,
    /// As the shop writes it.
    pub(crate) external_id: String,
    pub(crate) store: String,
    /// What it is for.
    pub(crate) kind: String,
    pub(crate) state: String,
    /// The last day of a return, or until when a reservation is kept.
    pub(crate) due_ms: Option<u64>,
    /// Handed over, and that may still be taken back.
    pub(crate) held_ms: Option<u64>,
    /// Some of it may go only to who is old enough.
    pub(crate) age_checked: bool,
    /// From when on she may come for it.
    pub(crate) from_ms: Option<u64>,
    pub(crate) lines_ready: Option<u32>,
    /// When the shop last said how it stands; 0: it does not say when.
    pub(crate) as_of_ms: u64,
    pub(crate) bay: Option<String>,
    /// What she says at the desk.
    pub(crate) code: String,
    /// What somebody else says there, with whom she shared it.
    pub(crate) share_code: Option<String>,
    pub(crate) created_ms: u64,
    pub(crate) changed_ms: u64,
    pub(crate) lines: Vec<OrderLine>,
    /// What shop systems call it.
    pub(crate) shop_numbers: Vec<ShopNumber>,
}

/// A line of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct OrderLine {
    pub(crate) sku: String,
    pub(crate) quantity: u32,
}

/// A shop system's own number of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct ShopNumber {
    pub(crate) source: String,
    pub(crate) external: String,
}

/// What staff saw of her. Who served her is left out: that is about a colleague.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct Card {
    #[schema(value_type = String)]
    pub(crate) card: CardId,
    pub(crate) store: String,
    pub(crate) journey: String,
    pub(crate) arrived_ms: u64,
    pub(crate) alerted_ms: u64,
    pub(crate) since_ms: u64,
    /// When a colleague took it.
    pub(crate) taken_ms: Option<u64>,
    /// Her mark for how she was helped, 1 to 5. It is kept without her; what leads to it from here
    /// goes at the time below.
    pub(crate) mark: Option<u8>,
    /// Until when she may give one.
    pub(crate) mark_until_ms: Option<u64>,
    /// Her orders, where she was believed to stand, what was noted.
    #[schema(value_type = Object)]
    pub(crate) seen: Value,
}

/// A visit.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct Visit {
    #[schema(value_type = String)]
    pub(crate) visit: VisitId,
    pub(crate) store: String,
    pub(crate) entered_ms: u64,
    pub(crate) left_ms: Option<u64>,
    /// The consent that it is kept for.
    pub(crate) purpose: String,
    /// It was heard of late, and set nothing off.
    pub(crate) late: bool,
    pub(crate) zones: Vec<ZoneStay>,
    /// How it came to be known, step by step.
    pub(crate) changes: Vec<VisitChange>,
}

/// Where in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct ZoneStay {
    pub(crate) zone: String,
    pub(crate) from_ms: u64,
    pub(crate) to_ms: Option<u64>,
}

/// One step of what was believed.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct VisitChange {
    pub(crate) n: u64,
    pub(crate) at_ms: u64,
    pub(crate) change: String,
    pub(crate) zone: Option<String>,
    /// What it rested on.
    #[schema(value_type = Option<Object>)]
    pub(crate) why: Option<Value>,
}

/// Whether to tell her something, and why or why not.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct Decision {
    #[schema(value_type = String)]
    pub(crate) decision: DecisionId,
    pub(crate) store: String,
    #[schema(value_type = String)]
    pub(crate) visit: VisitId,
    pub(crate) zone: Option<String>,
    /// `notify` or `suppress`.
    pub(crate) choice: String,
    pub(crate) sku: Option<String>,
    /// Of a silence.
    pub(crate) reason: Option<String>,
    pub(crate) decided_ms: u64,
    #[schema(value_type = Option<String>)]
    pub(crate) campaign: Option<CampaignId>,
    pub(crate) campaign_version: Option<u32>,
    /// `told` or `held_out`: whether she is in the part that is told nothing, to measure.
    pub(crate) arm: Option<String>,
    /// The facts that it rested on.
    #[schema(value_type = Object)]
    pub(crate) facts: Value,
}

/// A message to her.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Message {
    #[schema(value_type = String)]
    pub(crate) delivery: DeliveryId,
    pub(crate) store: String,
    pub(crate) channel: String,
    /// `marketing` or `service`.
    pub(crate) class: String,
    pub(crate) cause: String,
    #[schema(value_type = Option<String>)]
    pub(crate) visit: Option<VisitId>,
    pub(crate) sku: Option<String>,
    #[schema(value_type = Option<String>)]
    pub(crate) decision: Option<DecisionId>,
    #[schema(value_type = Option<String>)]
    pub(crate) card: Option<CardId>,
    #[schema(value_type = Option<String>)]
    pub(crate) order: Option<OrderId>,
    #[schema(value_type = Option<String>)]
    pub(crate) campaign: Option<CampaignId>,
    pub(crate) campaign_version: Option<u32>,
    #[schema(value_type = Option<String>)]
    pub(crate) reward: Option<RewardId>,
    /// Meant for the time after she left.
    pub(crate) after_exit: bool,
    pub(crate) created_ms: u64,
    pub(crate) relevant_until_ms: u64,
    pub(crate) state: String,
    /// Its place in her stream.
    pub(crate) n: Option<u64>,
    pub(crate) attempt_count: u32,
    pub(crate) sent_ms: Option<u64>,
    pub(crate) displayed_ms: Option<u64>,
    pub(crate) opened_ms: Option<u64>,
    /// What it said; none: what it rested on is gone, or it never went out.
    pub(crate) said: Option<Said>,
    pub(crate) attempts: Vec<Attempt>,
    /// How a sleeping device was woken for it.
    pub(crate) push: Option<Push>,
}

/// A message's words, in her language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Said {
    pub(crate) title: String,
    pub(crate) body: String,
    /// In sentences.
    pub(crate) why: Vec<String>,
}

/// A try to tell her.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Attempt {
    pub(crate) attempt: u32,
    pub(crate) at_ms: u64,
    pub(crate) result: String,
}

/// A message on its way to a device that sleeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Push {
    pub(crate) state: String,
    pub(crate) due_ms: u64,
    pub(crate) attempt_count: u32,
    pub(crate) accepted_ms: Option<u64>,
    pub(crate) attempts: Vec<PushAttempt>,
}

/// A try to wake it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct PushAttempt {
    pub(crate) attempt: u32,
    pub(crate) at_ms: u64,
    pub(crate) kind: String,
    pub(crate) result: String,
    pub(crate) status: Option<u16>,
    /// The provider's own words.
    pub(crate) said: Option<String>,
}

/// A calibration walk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Walk {
    pub(crate) store: String,
    pub(crate) begun_ms: u64,
    pub(crate) ended_ms: Option<u64>,
    pub(crate) stands: Vec<Stand>,
}

/// Where the walker said she stood, and what anchors had of her radio there: sums.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Stand {
    pub(crate) n: u32,
    pub(crate) zone: String,
    pub(crate) from_ms: u64,
    pub(crate) to_ms: Option<u64>,
    pub(crate) heard: Vec<HeardPart>,
}

/// What one anchor had of it in a part of the stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct HeardPart {
    pub(crate) part: u32,
    pub(crate) anchor: String,
    pub(crate) sightings: u32,
    pub(crate) sum_dbm: i64,
    pub(crate) squares: i64,
}

/// What a person was asked to do about her.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Task {
    pub(crate) task: i64,
    pub(crate) at_ms: u64,
    /// Who asked.
    pub(crate) source: String,
    pub(crate) kind: String,
    /// The shop's own number of the request.
    pub(crate) external: Option<String>,
    pub(crate) done_ms: Option<u64>,
}

/// What was told of her to a system of the shop.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct ToldToOthers {
    #[schema(value_type = String)]
    pub(crate) message: Uuid,
    /// Whom, by the name that the shop gave it.
    pub(crate) receiver: String,
    pub(crate) event: String,
    #[schema(value_type = Object)]
    pub(crate) body: Value,
    pub(crate) created_ms: u64,
    pub(crate) state: String,
    pub(crate) due_ms: u64,
    pub(crate) attempt_count: u32,
    pub(crate) status: Option<u16>,
    pub(crate) said: Option<String>,
}

/// What an id is called.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
pub(crate) struct Name {
    /// `store`, `zone` or `product`.
    pub(crate) of: &'static str,
    /// Of a zone: which store's.
    pub(crate) store: Option<String>,
    pub(crate) id: String,
    pub(crate) nl: String,
    pub(crate) en: String,
}

/// All that is kept of a customer, but for the words of her messages, which the caller has.
pub(crate) fn of(db: &Connection, now_ms: u64, customer: CustomerId) -> Result<Export, StoreError> {
    let mut export = Export {
        format: "welkom-export",
        version: VERSION,
        made_ms: now_ms,
        customer: person::person(db, customer)?,
        consent: person::consent(db, customer)?,
        devices: person::devices(db, customer)?,
        enrolments: person::enrolments(db, customer)?,
        page_links: person::expiring(db, "page_links", customer)?,
        sessions: person::expiring(db, "sessions", customer)?,
        push_addresses: person::push_addresses(db, customer)?,
        channels: person::channels(db, customer)?,
        mutes: person::mutes(db, customer)?,
        online: shop::online(db, customer)?,
        categories: shop::categories(db, customer)?,
        purchases: shop::purchases(db, customer)?,
        stamp_card: loyalty::stamp_card(db, customer)?,
        orders: shop::orders(db, customer)?,
        cards: floor::cards(db, customer)?,
        visits: floor::visits(db, customer)?,
        decisions: floor::decisions(db, customer)?,
        messages: floor::messages(db, customer)?,
        walks: floor::walks(db, customer)?,
        tasks: shop::tasks(db, customer)?,
        told_to_others: shop::told_to_others(db, customer)?,
        names: Vec::new(),
    };
    export.names = names::names(db, &export)?;
    Ok(export)
}
