//! The shopper's page: her code, what we told her and why, and what we may do.
//!
//! In: what she may see of herself, the time. Out: the whole page, or one tile for the live
//! stream. Promises: every message carries its reason; yes and no weigh the same; every control
//! on the page does something, without scripts too.
//! Invariant: shows one person's own data, and of the shop only names, places and stock.

pub mod stamps;
pub mod walk;

use askama::Template;
use engine::input::{Consent, IntentKind, OrderKind, OrderState};
use protocol::{DeliveryId, OrderId};
use serde::Serialize;

use super::{
    collect::spelled,
    i18n::{Lang, Money, Texts},
    qr::Qr,
    views::{Icon, Markup, RenderError, render, script_words},
};
pub use crate::store::waits::Mark;
use stamps::{StampsView, render_stamps};
use walk::{WalkView, render_walk};

/// Version of the words beside the switches. It goes into the consent ledger with each choice:
/// change it whenever those words change (a test compares).
pub const CONSENT_TEXT_VERSION: &str = "2026-11";

/// Words that `phone.js` says itself.
pub const SCRIPT_WORDS: [&str; 15] = [
    "link-live",
    "link-reconnecting",
    "link-stale",
    "say-here",
    "say-here-failed",
    "say-help",
    "say-help-back",
    "say-help-failed",
    "say-choice-yes",
    "say-choice-no",
    "say-choice-failed",
    "notify-on",
    "notify-off",
    "notify-denied",
    "notify-failed",
];

/// All of the page.
#[derive(Debug, Clone)]
pub struct PhonePage {
    /// In which words, in which time zone.
    pub texts: Texts,
    /// The session's token, for each form.
    pub csrf: String,
    /// This page in the other language.
    pub other_lang_href: String,
    /// Her first name.
    pub given_name: String,
    /// The store that she is in or orders from.
    pub store_name: String,
    /// When it closes today; none: not known.
    pub open_until_ms: Option<u64>,
    /// What she comes for.
    pub pickup: PickupView,
    /// Newest first.
    pub messages: Vec<MessageView>,
    /// Her wishlist through this store; none: she has none, or did not agree to its use.
    pub walk: Option<WalkView>,
    /// The loyalty programme; none: the chain has none.
    pub stamps: Option<StampsView>,
    /// Her switches.
    pub consent: Consent,
    /// Whether she asked for silence: today, and from this store.
    pub quiet: Quiet,
    /// The chain's limit on messages, as the switch promises it.
    pub messages_per_day_max: u32,
    /// What we keep of her: what, and how much or how long. Words of the caller.
    pub kept: Vec<(String, String)>,
    /// The server's key, if it can reach browsers that sleep.
    pub push_key: Option<String>,
    /// Devices that the server can wake.
    pub push_addresses: u32,
    /// The answer to a form without scripts.
    pub said: Option<String>,
}

/// Silence that she asked for while her switches stay on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quiet {
    /// Until midnight.
    pub today: bool,
    /// From this store, until she wants to hear of it again.
    pub store: bool,
}

/// Her orders here, and whether we know that she came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PickupView {
    /// Oldest first.
    pub orders: Vec<OrderView>,
    /// What lies ready for her in other stores, oldest first.
    pub elsewhere: Vec<ElsewhereView>,
    /// Returns that were taken in since yesterday, in any store, as the shop numbers them.
    pub returned: Vec<String>,
    /// Since when the store knows that she is here; none: it does not.
    pub here_since_ms: Option<u64>,
    /// Since when somebody else stands there for what she shared; none: nobody.
    pub collector_since_ms: Option<u64>,
    /// Whether she is asked how she was helped; none: she was not, or it is hours ago.
    pub mark: Option<Mark>,
    /// Whether she may call a colleague.
    pub help: HelpView,
}

/// Whether she may call a colleague to where she stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum HelpView {
    /// She is not in the store, or staff may not know of her.
    #[default]
    No,
    /// With one tap.
    May,
    /// She has.
    Asked,
}

/// One order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderView {
    /// Which.
    pub order: OrderId,
    /// As the shop writes it.
    pub number: String,
    /// What it is for.
    pub kind: OrderKind,
    /// How far it is.
    pub state: OrderState,
    /// What she says at the desk, once it is ready; of a return at once.
    pub code: Option<String>,
    /// Pieces.
    pub item_count: u32,
    /// Names of the products; may be empty.
    pub products: Vec<String>,
    /// Until when the shop keeps it, or takes it back; none: no limit.
    pub keep_until_ms: Option<u64>,
    /// Whether somebody else may collect it.
    pub share: ShareView,
}

impl OrderView {
    fn is_return(&self) -> bool {
        self.kind == OrderKind::Return && self.state.is_open()
    }
}

/// Whether somebody else may collect an order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ShareView {
    /// It is nothing that can be shared, or not yet.
    #[default]
    No,
    /// With one tap.
    May,
    /// With this code.
    Given(String),
}

/// An order that lies ready in another store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ElsewhereView {
    /// As the shop writes it.
    pub number: String,
    /// Where it lies.
    pub store_name: String,
}

/// One message, with its reason.
#[derive(Debug, Clone, PartialEq)]
pub struct MessageView {
    /// Which.
    pub delivery: DeliveryId,
    /// When it was sent.
    pub sent_ms: u64,
    /// In the campaign's words.
    pub title: String,
    /// The same.
    pub body: String,
    /// The product that it is about.
    pub product: Option<ProductView>,
    /// It is about a reward of hers.
    pub reward: bool,
    /// Why she got it.
    pub why: WhyView,
}

/// A product of this store that she did something with.
#[derive(Debug, Clone, PartialEq)]
pub struct ProductView {
    /// Its name.
    pub name: String,
    /// What it costs; none: not known.
    pub price: Option<Money>,
    /// The zone where it is.
    pub zone: String,
    /// The shelf or rack within the zone.
    pub shelf: Option<String>,
    /// Pieces that the store had when it was decided.
    pub stock: u32,
    /// The strongest thing that she did with it online.
    pub intent: IntentKind,
    /// When.
    pub online_ms: u64,
    /// How often she looked at it.
    pub views: u32,
}

impl ProductView {
    fn icon(&self) -> Icon {
        match self.intent {
            IntentKind::Wishlisted => Icon::Heart,
            IntentKind::Carted => Icon::Bag,
            IntentKind::Read | IntentKind::Viewed | IntentKind::Ordered => Icon::Eye,
        }
    }

    /// Where we have it from, in a few words.
    fn source(&self, t: &Texts) -> String {
        t.get(match self.intent {
            IntentKind::Wishlisted => "message-from-wishlisted",
            IntentKind::Carted => "message-from-carted",
            IntentKind::Read => "message-from-read",
            IntentKind::Viewed | IntentKind::Ordered => "message-from-viewed",
        })
    }

    /// Zone and, if it is known, shelf.
    pub fn place(&self) -> String {
        match &self.shelf {
            Some(shelf) => format!("{}, {shelf}", self.zone),
            None => self.zone.clone(),
        }
    }

    /// What she did online, in a sentence.
    pub fn online(&self, t: &Texts) -> String {
        match self.intent {
            IntentKind::Wishlisted => t.with("why-wishlisted", "views", self.views),
            IntentKind::Carted => t.with("why-carted", "views", self.views),
            IntentKind::Read => t.get("why-read"),
            // The matcher drops what was bought; if a row says otherwise, say the least.
            IntentKind::Viewed | IntentKind::Ordered => t.with("why-viewed", "views", self.views),
        }
    }
}

/// The facts that a message rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct WhyView {
    /// Where we believed her to be.
    pub zone: String,
    /// When.
    pub zone_ms: u64,
    /// How sure we were, as a share of 1.
    pub share: f32,
    /// Which message of the day it was, from 1.
    pub number_today: u32,
    /// How many a day may have.
    pub max_today: u32,
}

impl MessageView {
    /// Our rule, in a sentence.
    pub fn rule(&self, t: &Texts) -> String {
        t.get(match self.product.as_ref().map(|product| product.intent) {
            None if self.reward => "why-rule-reward",
            None => "why-rule-store",
            Some(IntentKind::Wishlisted) => "why-rule-wishlisted",
            Some(IntentKind::Carted) => "why-rule-carted",
            Some(IntentKind::Read) => "why-rule-read",
            Some(IntentKind::Viewed | IntentKind::Ordered) => "why-rule-viewed",
        })
    }
}

/// The data of an `event: message` and an `event: orders`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TileUpdate {
    /// The tile.
    pub html: String,
}

/// The whole page.
pub fn render_phone(page: &PhonePage, now_ms: u64) -> Result<String, RenderError> {
    let t = &page.texts;
    let messages: Result<String, RenderError> = page
        .messages
        .iter()
        .map(|message| render_message(t, message, now_ms))
        .collect();
    let template = PhoneTemplate {
        t,
        page,
        now_ms,
        words: script_words(t, &SCRIPT_WORDS),
        pickup: Markup(render_pickup(t, &page.csrf, &page.pickup, now_ms)?),
        messages: Markup(messages?),
        walk: Markup(match &page.walk {
            Some(walk) => render_walk(t, walk)?,
            None => String::new(),
        }),
        stamps: Markup(match &page.stamps {
            Some(stamps) => render_stamps(t, &page.csrf, stamps)?,
            None => String::new(),
        }),
        switches: switches(page),
    };
    render("phone", &template)
}

/// The tile with her orders and the "Ik ben er" button, for an `event: orders`.
pub fn render_pickup(
    texts: &Texts,
    csrf: &str,
    pickup: &PickupView,
    now_ms: u64,
) -> Result<String, RenderError> {
    let (returns, orders): (Vec<_>, Vec<_>) =
        pickup.orders.iter().partition(|order| order.is_return());
    let (ready, other): (Vec<_>, Vec<_>) = orders
        .into_iter()
        .partition(|order| order.state == OrderState::Ready && order.code.is_some());
    let ready: Vec<Pass<'_>> = ready.into_iter().map(Pass::of).collect();
    let returns: Vec<Pass<'_>> = returns.into_iter().map(Pass::of).collect();
    let heading = match (ready.len(), returns.len(), other.len()) {
        (0, 0, 0) if !pickup.elsewhere.is_empty() => texts.get("orders-elsewhere"),
        (0, 0, 0) => texts.get("orders-none"),
        (0, 0, waiting) => texts.count("orders-coming", count(waiting)),
        (0, returns, _) => texts.count("orders-returns", count(returns)),
        (ready, ..) => texts.count("orders-ready", count(ready)),
    };
    let template = OrdersTemplate {
        t: texts,
        csrf,
        pickup,
        ready,
        returns,
        other,
        heading,
        now_ms,
    };
    render("orders", &template)
}

/// One message tile, for an `event: message`.
pub fn render_message(
    texts: &Texts,
    message: &MessageView,
    now_ms: u64,
) -> Result<String, RenderError> {
    render(
        "message",
        &MessageTemplate {
            t: texts,
            message,
            now_ms,
        },
    )
}

#[derive(Template)]
#[template(path = "phone.html")]
struct PhoneTemplate<'a> {
    t: &'a Texts,
    page: &'a PhonePage,
    now_ms: u64,
    words: String,
    pickup: Markup,
    messages: Markup,
    walk: Markup,
    stamps: Markup,
    switches: [Switch; 4],
}

#[derive(Template)]
#[template(path = "orders.html")]
struct OrdersTemplate<'a> {
    t: &'a Texts,
    csrf: &'a str,
    pickup: &'a PickupView,
    ready: Vec<Pass<'a>>,
    returns: Vec<Pass<'a>>,
    other: Vec<&'a OrderView>,
    heading: String,
    now_ms: u64,
}

impl OrdersTemplate<'_> {
    fn keep_until(&self, until_ms: &u64) -> String {
        // Within a sentence a day has no capital in Dutch, and has one in English.
        match self.t.lang {
            Lang::Nl => self.t.moment(until_ms, self.now_ms).to_lowercase(),
            Lang::En => self.t.moment(until_ms, self.now_ms),
        }
    }

    fn state_words(&self, state: &OrderState) -> String {
        let t = self.t;
        match state {
            OrderState::Placed => t.get("order-placed"),
            OrderState::Ready => t.get("order-ready"),
            OrderState::Delayed => t.get("order-delayed"),
            OrderState::Cancelled => t.get("order-cancelled"),
            OrderState::Completed => t.get("order-completed"),
        }
    }

    /// That she is seen is said of her order; a call for help says it itself.
    fn seen_since(&self) -> Option<u64> {
        let for_help = self.pickup.help == HelpView::Asked && !self.has_pass();
        self.pickup.here_since_ms.filter(|_| !for_help)
    }

    /// Whether she has something to come to the desk with.
    fn has_pass(&self) -> bool {
        !(self.ready.is_empty() && self.returns.is_empty())
    }

    /// Whether there is anything to say of her orders at all.
    fn is_empty(&self) -> bool {
        let PickupView {
            orders,
            elsewhere,
            returned,
            ..
        } = self.pickup;
        orders.is_empty() && elsewhere.is_empty() && returned.is_empty()
    }

    fn seen_words(&self, since_ms: &u64) -> String {
        let (t, time) = (self.t, self.t.clock(*since_ms));
        match self.ready.is_empty() {
            true => t.with("here-since-return", "time", time),
            false => t.with("here-since", "time", time),
        }
    }

    /// The last day on which it is taken back.
    fn last_day(&self, until_ms: &u64) -> String {
        self.t.date(until_ms.saturating_sub(1))
    }

    fn other_count(&self) -> u32 {
        count(self.other.len())
    }
}

#[derive(Template)]
#[template(path = "message.html")]
struct MessageTemplate<'a> {
    t: &'a Texts,
    message: &'a MessageView,
    now_ms: u64,
}

/// What she shows at the desk.
struct Pass<'a> {
    order: &'a OrderView,
    code: &'a str,
    /// Digit by digit, for ears.
    spelled: String,
    qr: Option<Qr>,
}

impl<'a> Pass<'a> {
    fn of(order: &'a OrderView) -> Self {
        let code = order.code.as_deref().unwrap_or_default();
        Self {
            order,
            code,
            spelled: spelled(code),
            qr: Qr::of(code),
        }
    }
}

/// One consent switch.
struct Switch {
    name: &'static str,
    on: bool,
    title: String,
    more: String,
}

fn switches(page: &PhonePage) -> [Switch; 4] {
    let (t, consent) = (&page.texts, page.consent);
    [
        Switch {
            name: "arrival",
            on: consent.arrival,
            title: t.get("consent-arrival"),
            more: t.get("consent-arrival-more"),
        },
        Switch {
            name: "messages",
            on: consent.messages,
            title: t.get("consent-messages"),
            more: t.with("consent-messages-more", "max", page.messages_per_day_max),
        },
        Switch {
            name: "browsing",
            on: consent.browsing,
            title: t.get("consent-browsing"),
            more: t.get("consent-browsing-more"),
        },
        Switch {
            name: "statistics",
            on: consent.statistics,
            title: t.get("consent-statistics"),
            more: t.get("consent-statistics-more"),
        },
    ]
}

fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
