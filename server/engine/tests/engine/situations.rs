//! What a shopper is told, and when she is told nothing: each row a situation in a shop.
//!
//! Before each row: Anna is in her third visit, on a Wednesday at noon. Nobody held her out, nobody
//! told her anything yet, all her switches are on. She stands at the shoes, 95 % sure, and the shop
//! runs one campaign: "of what she did online the best that stands in her zone, when she comes in".
//! The boot stands at the shoes, three pairs, € 129.00; she wished for it yesterday.

use std::collections::BTreeSet;

use engine::{
    campaign::{About, Campaign, Content, ProductRule},
    choice::decide,
    input::{Candidate, Consent, IntentKind, MatchFacts, Reward, Rules},
    matching::Occasion,
    outcome::{Choice, Moment, Reason, When},
};
use protocol::VisitId;

use crate::timeline::{ALL, ZERO_MS, candidate, customer, facts, named, told, usual};

const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;
const MIDNIGHT: u64 = 12 * HOUR;

/// All that a row may change.
struct Situation {
    rules: Rules,
    campaigns: Vec<Campaign>,
    facts: MatchFacts,
    moment: Moment,
    share: f32,
}

/// What comes of it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Then {
    /// She is told of this product, reward or the store.
    Tells(&'static str),
    /// She is told nothing, and this is why.
    Silent(Reason),
}
use Then::{Silent, Tells};

type Row = (&'static str, fn(&mut Situation), Then);

fn visit() -> VisitId {
    VisitId::at(ZERO_MS, [0; 10])
}

impl Situation {
    fn usual() -> Self {
        let mut facts = facts();
        facts.candidates = vec![candidate("boot", IntentKind::Wishlisted, "shoes")];
        Self {
            rules: Rules::default(),
            campaigns: vec![usual()],
            facts,
            moment: Moment {
                when: When::Enter,
                zone: "shoes".parse().unwrap(),
            },
            share: 0.95,
        }
    }

    fn then(&self) -> (Option<String>, Option<Reason>) {
        let occasion = Occasion {
            customer: customer("anna"),
            visit: visit(),
            moment: &self.moment,
            share: self.share,
            now_ms: ZERO_MS,
        };
        match decide(&self.rules, &self.campaigns, &occasion, &self.facts).choice {
            Choice::Notify { subject, .. } => (Some(named(&subject)), None),
            Choice::Suppress { reason } => (None, Some(reason)),
        }
    }

    fn boot(&mut self) -> &mut Candidate {
        &mut self.facts.candidates[0]
    }

    fn add(&mut self, sku: &str, intent: IntentKind, zone: &str) -> &mut Candidate {
        self.facts.candidates.push(candidate(sku, intent, zone));
        self.facts.candidates.last_mut().unwrap()
    }

    fn campaign(&mut self) -> &mut Campaign {
        &mut self.campaigns[0]
    }

    fn products(&mut self) -> &mut ProductRule {
        match &mut self.campaigns[0].about {
            About::Product(rule) => rule,
            other => panic!("{other:?}"),
        }
    }

    fn at(&mut self, hour: u16, minute: u16) {
        self.facts.local_minute = hour * 60 + minute;
    }

    /// So many messages of this campaign, the first so long ago and each an hour before the other.
    fn was_told(&mut self, times: u64, ago_ms: u64) {
        let earlier = |n: u64| told(&usual(), "other", ago_ms + n * HOUR);
        self.facts.told = (0..times).map(earlier).collect();
    }

    fn in_dutch(&mut self, body: &str) {
        let words = engine::campaign::Words {
            title: "Dag".parse().unwrap(),
            body: body.parse().unwrap(),
        };
        self.campaign().content = Content([("nl".to_owned(), words)].into());
    }

    /// Another campaign that may be told at the same moment.
    fn also(&mut self, about: About, priority: i32) -> &mut Campaign {
        let number = self.campaigns.len() as u128 + 0xcb;
        self.campaigns.push(Campaign {
            campaign: format!("{number:032x}").parse().unwrap(),
            about,
            priority,
            ..usual()
        });
        let other = self.campaigns.last_mut().unwrap();
        let words = engine::campaign::Words {
            title: "{store}".parse().unwrap(),
            body: "{store}".parse().unwrap(),
        };
        other.content = Content([("nl".to_owned(), words)].into());
        other
    }
}

const REWARD: About = About::Reward {
    expires_within_ms: 3 * DAY,
};

fn coffee(expires_ms: u64) -> Reward {
    Reward {
        reward: "00000000000000000000000000000c0f".parse().unwrap(),
        expires_ms,
    }
}

/// What she did online.
const INTENTS: &[Row] = &[
    (
        "she wished for it, and it stands here",
        |_| {},
        Tells("boot"),
    ),
    (
        "she put it in her cart",
        |s| s.boot().intent = IntentKind::Carted,
        Tells("boot"),
    ),
    (
        "she looked at it once",
        |s| s.boot().intent = IntentKind::Viewed,
        Tells("boot"),
    ),
    (
        "she read an article about it",
        |s| s.boot().intent = IntentKind::Read,
        Tells("boot"),
    ),
    (
        "she bought it already",
        |s| s.boot().intent = IntentKind::Ordered,
        Silent(Reason::NoIntent),
    ),
    (
        "she did nothing online",
        |s| s.facts.candidates.clear(),
        Silent(Reason::NoIntent),
    ),
    (
        "she wished for it 90 days ago",
        |s| s.boot().last_ms = ZERO_MS - 90 * DAY,
        Tells("boot"),
    ),
    (
        "she wished for it more than 90 days ago",
        |s| s.boot().last_ms = ZERO_MS - 90 * DAY - 1,
        Silent(Reason::NoIntent),
    ),
    (
        "a bag in her cart goes before the boot on her wishlist",
        |s| _ = s.add("bag", IntentKind::Carted, "shoes"),
        Tells("bag"),
    ),
    (
        "the wish of yesterday goes before the cart of a month ago",
        |s| s.add("bag", IntentKind::Carted, "shoes").last_ms = ZERO_MS - 30 * DAY,
        Tells("boot"),
    ),
    (
        "what she viewed three times goes before what she viewed once, later",
        |s| {
            s.boot().intent = IntentKind::Viewed;
            let often = s.add("bag", IntentKind::Viewed, "shoes");
            (often.views, often.last_ms) = (3, ZERO_MS - 3 * DAY);
        },
        Tells("bag"),
    ),
    (
        "of two equal wishes the one in a category that she often looks at",
        |s| s.add("sneaker", IntentKind::Wishlisted, "shoes").affinity = 0.6,
        Tells("sneaker"),
    ),
    (
        "a wish that she also read about goes before one that she did not",
        |s| s.add("sneaker", IntentKind::Wishlisted, "shoes").read_ms = Some(ZERO_MS - DAY),
        Tells("sneaker"),
    ),
    (
        "a campaign for carts says nothing of a wish",
        |s| s.products().intents = BTreeSet::from([IntentKind::Carted]),
        Silent(Reason::NoIntent),
    ),
    (
        "a campaign for articles tells what she read about",
        |s| {
            s.products().intents = BTreeSet::from([IntentKind::Read]);
            s.boot().intent = IntentKind::Read;
        },
        Tells("boot"),
    ),
];

/// Where it stands, how many there are, what it costs.
const STORE: &[Row] = &[
    (
        "it stands in another zone",
        |s| s.boot().zone = Some("bags".parse().unwrap()),
        Silent(Reason::NotPlacedHere),
    ),
    (
        "it stands in another zone, and the campaign tells of the whole store",
        |s| {
            s.boot().zone = Some("bags".parse().unwrap());
            s.products().anywhere = true;
        },
        Tells("boot"),
    ),
    (
        "this store does not have it, also not for a campaign of the whole store",
        |s| {
            s.boot().zone = None;
            s.products().anywhere = true;
        },
        Silent(Reason::NotPlacedHere),
    ),
    (
        "her size is sold out here",
        |s| s.boot().stock = 0,
        Silent(Reason::OutOfStock),
    ),
    ("the last pair", |s| s.boot().stock = 1, Tells("boot")),
    (
        "the boot is sold out, the bag that she viewed is not",
        |s| {
            s.boot().stock = 0;
            s.add("bag", IntentKind::Viewed, "shoes");
        },
        Tells("bag"),
    ),
    (
        "cheaper than when she wished for it, and that is what the campaign is about",
        |s| {
            s.products().cheaper = true;
            s.boot().wished_price_minor = Some(15_900);
        },
        Tells("boot"),
    ),
    (
        "the price is as it was",
        |s| {
            s.products().cheaper = true;
            s.boot().wished_price_minor = Some(12_900);
        },
        Silent(Reason::NotCheaper),
    ),
    (
        "dearer than when she wished for it",
        |s| {
            s.products().cheaper = true;
            s.boot().wished_price_minor = Some(9_900);
        },
        Silent(Reason::NotCheaper),
    ),
    (
        "a wish with a quarter off goes before an equal one",
        |s| {
            s.add("sneaker", IntentKind::Wishlisted, "shoes")
                .wished_price_minor = Some(17_200);
        },
        Tells("sneaker"),
    ),
    (
        "back in stock since she looked, and that is what the campaign is about",
        |s| {
            s.products().back_in_stock = true;
            s.boot().back_ms = Some(ZERO_MS - HOUR);
        },
        Tells("boot"),
    ),
    (
        "back in stock before she looked is no news",
        |s| {
            s.products().back_in_stock = true;
            s.boot().back_ms = Some(ZERO_MS - 2 * DAY);
        },
        Silent(Reason::NotBackInStock),
    ),
    (
        "back in stock three weeks ago is no news",
        |s| {
            s.products().back_in_stock = true;
            s.boot().last_ms = ZERO_MS - 30 * DAY;
            s.boot().back_ms = Some(ZERO_MS - 21 * DAY);
        },
        Silent(Reason::NotBackInStock),
    ),
    (
        "an anchor saw her, but nobody can say surely enough where she stands",
        |s| {
            s.campaign().confidence_permille = 900;
            s.share = 0.85;
        },
        Silent(Reason::Uncertain),
    ),
    (
        "just sure enough where she stands",
        |s| {
            s.campaign().confidence_permille = 900;
            s.share = 0.905;
        },
        Tells("boot"),
    ),
];

/// What she agreed to.
const CONSENT: &[Row] = &[
    (
        "all switches off",
        |s| s.facts.consent = Consent::default(),
        Silent(Reason::NoConsent),
    ),
    (
        "no messages in the shop",
        |s| {
            s.facts.consent = Consent {
                messages: false,
                ..ALL
            }
        },
        Silent(Reason::NoConsent),
    ),
    (
        "messages, but not by what she did online",
        |s| {
            s.facts.consent = Consent {
                browsing: false,
                ..ALL
            }
        },
        Silent(Reason::NoConsent),
    ),
    (
        "messages, but not by what she did online, and there is an evening in the store",
        |s| {
            s.facts.consent = Consent {
                browsing: false,
                ..ALL
            };
            s.also(About::Store, 0);
        },
        Tells("store"),
    ),
    (
        "messages without statistics and without arrivals are enough",
        |s| {
            s.facts.consent = Consent {
                arrival: false,
                statistics: false,
                ..ALL
            }
        },
        Tells("boot"),
    ),
    (
        "she paused for today, or muted this store",
        |s| s.facts.paused = true,
        Silent(Reason::Paused),
    ),
    (
        "she muted this topic",
        |s| s.facts.muted_topics = BTreeSet::from(["wishlist".to_owned()]),
        Silent(Reason::Muted),
    ),
    (
        "she muted another topic",
        |s| s.facts.muted_topics = BTreeSet::from(["event".to_owned()]),
        Tells("boot"),
    ),
    (
        "her order waits: a colleague comes first",
        |s| s.facts.waits_for_order = true,
        Silent(Reason::ServiceFirst),
    ),
    (
        "another store hears her phone too",
        |s| s.facts.in_two_stores = true,
        Silent(Reason::InTwoStores),
    ),
];

/// How often.
const CAPS: &[Row] = &[
    (
        "two messages today, of any campaign, are the store's limit",
        |s| s.was_told(2, HOUR),
        Silent(Reason::FrequencyCap),
    ),
    ("one message today", |s| s.was_told(1, HOUR), Tells("boot")),
    (
        "two messages yesterday",
        |s| s.was_told(2, MIDNIGHT + 1),
        Tells("boot"),
    ),
    (
        "a store that allows none a day",
        |s| s.rules.messages_per_day_max = 0,
        Silent(Reason::FrequencyCap),
    ),
    (
        "told of this boot in this visit",
        |s| {
            s.facts.told = vec![told(&usual(), "boot", HOUR)];
            s.facts.told[0].visit = visit();
        },
        Silent(Reason::ToldThisVisit),
    ),
    (
        "told of this boot in an earlier visit",
        |s| s.facts.told = vec![told(&usual(), "boot", HOUR)],
        Tells("boot"),
    ),
    (
        "one of this campaign in a visit",
        |s| {
            s.campaign().caps.per_visit = Some(1);
            s.was_told(1, HOUR);
            s.facts.told[0].visit = visit();
        },
        Silent(Reason::CapVisit),
    ),
    (
        "one of this campaign a day, and it was today",
        |s| {
            s.campaign().caps.per_person_day = Some(1);
            s.was_told(1, HOUR);
        },
        Silent(Reason::CapPersonDay),
    ),
    (
        "one of this campaign a day, and it was yesterday",
        |s| {
            s.campaign().caps.per_person_day = Some(1);
            s.was_told(1, MIDNIGHT + 1);
        },
        Tells("boot"),
    ),
    (
        "three of this campaign in seven days",
        |s| {
            s.campaign().caps.per_person_week = Some(3);
            s.was_told(3, 2 * DAY);
        },
        Silent(Reason::CapPersonWeek),
    ),
    (
        "the third of this campaign is eight days old",
        |s| {
            s.campaign().caps.per_person_week = Some(3);
            s.was_told(2, 2 * DAY);
            s.facts.told.push(told(&usual(), "other", 8 * DAY));
        },
        Tells("boot"),
    ),
    (
        "the store has told a hundred today",
        |s| {
            s.campaign().caps.per_store_day = Some(100);
            let campaign = usual().campaign;
            s.facts.counts = vec![engine::input::CampaignCount {
                campaign,
                store_today: 100,
                all_day: 100,
            }];
        },
        Silent(Reason::CapStore),
    ),
    (
        "the chain has told a thousand in a day",
        |s| {
            s.campaign().caps.per_day = Some(1_000);
            let campaign = usual().campaign;
            s.facts.counts = vec![engine::input::CampaignCount {
                campaign,
                store_today: 1,
                all_day: 1_000,
            }];
        },
        Silent(Reason::CapAll),
    ),
    (
        "not again within three days",
        |s| {
            s.campaign().cool_down_ms = 3 * DAY;
            s.was_told(1, 2 * DAY);
        },
        Silent(Reason::CoolingDown),
    ),
    (
        "the three days are over",
        |s| {
            s.campaign().cool_down_ms = 3 * DAY;
            s.was_told(1, 3 * DAY);
        },
        Tells("boot"),
    ),
    (
        "everybody is held out, to measure by",
        |s| s.campaign().holdout_permille = 1_000,
        Silent(Reason::Holdout),
    ),
    (
        "who is held out of one campaign is not told another at that moment",
        |s| {
            s.campaign().holdout_permille = 1_000;
            s.campaign().priority = 1;
            s.also(About::Store, 0);
        },
        Silent(Reason::Holdout),
    ),
];

/// When.
const HOURS: &[Row] = &[
    (
        "in quiet hours",
        |s| {
            s.rules.quiet_minutes = Some((12 * 60, 13 * 60));
        },
        Silent(Reason::QuietHours),
    ),
    (
        "quiet hours over midnight, at half past eleven at night",
        |s| {
            s.rules.quiet_minutes = Some((22 * 60, 8 * 60));
            s.at(23, 30);
        },
        Silent(Reason::QuietHours),
    ),
    (
        "quiet hours over midnight, at eight sharp",
        |s| {
            s.rules.quiet_minutes = Some((22 * 60, 8 * 60));
            s.at(8, 0);
        },
        Tells("boot"),
    ),
    (
        "before the store opens: she works here, or the door stood open",
        |s| {
            s.rules.open_minutes = Some((9 * 60, 18 * 60));
            s.at(8, 59);
        },
        Silent(Reason::Closed),
    ),
    (
        "when the store closes",
        |s| {
            s.rules.open_minutes = Some((9 * 60, 18 * 60));
            s.at(18, 0);
        },
        Silent(Reason::Closed),
    ),
    (
        "a campaign for Thursdays, on a Wednesday",
        |s| s.campaign().schedule.weekdays = BTreeSet::from([4]),
        Silent(Reason::NotScheduled),
    ),
    (
        "a campaign for Wednesdays",
        |s| s.campaign().schedule.weekdays = BTreeSet::from([3]),
        Tells("boot"),
    ),
    (
        "a campaign for the morning, at noon",
        |s| s.campaign().schedule.minutes = Some((9 * 60, 12 * 60)),
        Silent(Reason::NotScheduled),
    ),
    (
        "a campaign that begins tomorrow",
        |s| s.campaign().schedule.from_ms = Some(ZERO_MS + DAY),
        Silent(Reason::NotScheduled),
    ),
    (
        "a campaign that ended this minute",
        |s| s.campaign().schedule.until_ms = Some(ZERO_MS),
        Silent(Reason::NotScheduled),
    ),
];

/// To whom, with which words, and which of several.
const CAMPAIGNS: &[Row] = &[
    (
        "a campaign for gold members, and she is silver",
        |s| {
            s.campaign().audience.tiers = BTreeSet::from(["gold".to_owned()]);
            s.facts.tier = Some("silver".into());
        },
        Silent(Reason::NotInAudience),
    ),
    (
        "a campaign for gold members, and she is one",
        |s| {
            s.campaign().audience.tiers = BTreeSet::from(["gold".to_owned()]);
            s.facts.tier = Some("gold".into());
        },
        Tells("boot"),
    ),
    (
        "a welcome at the first visit, and this is her third",
        |s| s.campaign().audience.visit_max = Some(1),
        Silent(Reason::NotInAudience),
    ),
    (
        "from the third visit on",
        |s| s.campaign().audience.visit_min = 3,
        Tells("boot"),
    ),
    (
        "the text names the shelf, and nobody said on which it stands",
        |s| s.in_dutch("{product}: {shelf}"),
        Silent(Reason::MissingValue),
    ),
    (
        "the text names the shelf, and the bag has one",
        |s| {
            s.in_dutch("{product}: {shelf}");
            s.add("bag", IntentKind::Viewed, "shoes").shelf = Some("rek 4".into());
        },
        Tells("bag"),
    ),
    (
        "the text names her, and her first name is not known",
        |s| {
            s.in_dutch("Dag {given_name}: {product}");
            s.facts.given_name = false;
        },
        Silent(Reason::MissingValue),
    ),
    (
        "there is no text in her language",
        |s| s.facts.language = "de".into(),
        Silent(Reason::MissingValue),
    ),
    (
        "no campaign waits for this moment",
        |s| s.moment.when = When::Dwell { seconds: 30 },
        Silent(Reason::NoCampaign),
    ),
    (
        "the campaign is for another zone",
        |s| s.campaign().trigger.zones = BTreeSet::from(["bags".parse().unwrap()]),
        Silent(Reason::NoCampaign),
    ),
    (
        "she has been here for thirty seconds, as the campaign asks",
        |s| {
            s.campaign().trigger.when = When::Dwell { seconds: 30 };
            s.moment.when = When::Dwell { seconds: 30 };
        },
        Tells("boot"),
    ),
    (
        "she leaves, and a campaign says goodbye",
        |s| {
            s.also(About::Store, 0).trigger.when = When::Exit;
            s.moment.when = When::Exit;
        },
        Tells("store"),
    ),
    (
        "her coffee runs out tomorrow",
        |s| {
            s.also(REWARD, 1);
            s.facts.rewards = vec![coffee(ZERO_MS + DAY)];
        },
        Tells("reward"),
    ),
    (
        "her coffee is good for another month",
        |s| {
            s.campaigns.clear();
            s.also(REWARD, 1);
            s.facts.rewards = vec![coffee(ZERO_MS + 30 * DAY)];
        },
        Silent(Reason::NoReward),
    ),
    (
        "an evening in the store has priority over the wishlist",
        |s| _ = s.also(About::Store, 5),
        Tells("store"),
    ),
    (
        "an evening in the store that has less priority than the wishlist",
        |s| _ = s.also(About::Store, -5),
        Tells("boot"),
    ),
    (
        "the wishlist has nothing here, so the evening is told",
        |s| {
            s.boot().stock = 0;
            s.also(About::Store, -5);
        },
        Tells("store"),
    ),
];

#[test]
fn each_situation_has_its_message_or_its_reason() {
    let all = [INTENTS, STORE, CONSENT, CAPS, HOURS, CAMPAIGNS].concat();
    assert!(all.len() >= 60, "{} situations", all.len());
    let mut wrong = Vec::new();
    for (name, change, then) in &all {
        let mut situation = Situation::usual();
        change(&mut situation);
        let got = situation.then();
        let as_said = match then {
            Tells(what) => got == (Some((*what).to_owned()), None),
            Silent(reason) => got == (None, Some(*reason)),
        };
        if !as_said {
            wrong.push(format!("{name}: expected {then:?}, got {got:?}"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    let names: BTreeSet<_> = all.iter().map(|(name, ..)| name).collect();
    assert_eq!(names.len(), all.len(), "two situations of one name");
}
