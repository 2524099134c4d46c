//! The loyalty programme: joined, earned, told, given once, left.

use anyhow::{Context, ensure};
use demo::{
    audit::Audit,
    stack::{Stack, until},
};
use e2e::{ask::Answer, harness::test, person::CONSENT_TEXT};
use firmware_sim::{
    http::Nothing,
    phone::{
        Consent,
        inbox::{Inbox, listen},
    },
};
use libtest_mimic::Trial;
use reqwest::Method;
use serde_json::{Value, json};
use server::clock::now_ms;
use tokio::sync::watch;

use crate::floor::{Floor, ask_api};

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test(
            "a_visit_earns_a_coffee_that_is_told_and_given_at_one_till_of_two",
            &[],
            earned_told_given,
        ),
        test(
            "purchases_count_for_members_whatever_they_agreed_to_beside",
            &[],
            purchases_count,
        ),
        test(
            "a_rule_that_is_wrong_is_refused_with_the_reason",
            &[],
            wrong_rules,
        ),
    ]
}

fn coffee(counts: &[&str], every: u32) -> Value {
    json!({
        "counts": counts, "every": every, "valid_days": 3,
        "name": {"nl": "een koffie", "en": "a coffee"},
    })
}

async fn make(stack: &Stack, rule: &str, body: &Value) -> anyhow::Result<Answer> {
    let path = format!("/v1/loyalty/rules/{rule}");
    ask_api(stack, Method::PUT, &path, body).await
}

async fn redeem(stack: &Stack, code: &str) -> anyhow::Result<Answer> {
    let path = "/v1/stores/kade-9/rewards/redeem";
    ask_api(stack, Method::POST, path, &json!({ "code": code })).await
}

/// Tells of a reward that runs out within a week, at the door.
async fn tell_of_rewards(stack: &Stack) -> anyhow::Result<()> {
    let body = json!({
        "name": "Voor je koffie afloopt", "topic": "reward",
        "trigger": {"when": {"dwell": {"seconds": 1}}},
        "about": {"about": "reward", "expires_within_ms": 604_800_000},
        "relevant_ms": 120_000, "attribution_ms": 86_400_000, "priority": 5,
        "content": {"nl": {"title": "Voor jou: {reward}", "body": "Goed tot en met {reward_until}."}},
    });
    let made = ask_api(stack, Method::POST, "/v1/campaigns", &body).await?;
    ensure!(made.status == 201, "{made:?}");
    let id = made.json()?["campaign"]
        .as_str()
        .context("an id")?
        .to_owned();
    let path = format!("/v1/campaigns/{id}/state");
    let state = json!({"state": "published"});
    let answer = ask_api(stack, Method::PUT, &path, &state).await?;
    ensure!(answer.status == 200, "{answer:?}");
    Ok(())
}

async fn earned_told_given() -> anyhow::Result<()> {
    let people = [("anna", Consent::ALL), ("daan", Consent::ALL)];
    let (mut floor, [anna, daan]) = Floor::open(people).await?;
    let made = make(&floor.rig.stack, "coffee", &coffee(&["visit"], 1)).await?;
    ensure!(made.status == 204, "{made:?}");
    tell_of_rewards(&floor.rig.stack).await?;
    let (inbox, phone) = (Inbox::default(), anna.phone.clone());
    let (kept, (_stop, stopped)) = (inbox.clone(), watch::channel(false));
    // Ends with the test.
    let _listens = tokio::spawn(async move { listen(phone, kept, now_ms, stopped, |_| {}).await });
    ensure!(anna.phone.loyalty().await?.joined_ms.is_none());
    anna.phone.join(CONSENT_TEXT, "nl").await?;
    floor.heard(&anna, 20).await?;
    floor.heard(&daan, 20).await?;
    let stack = &floor.rig.stack;
    until("a reward", async || {
        Ok(!anna.phone.loyalty().await?.rewards.is_empty())
    })
    .await?;
    let card = anna.phone.loyalty().await?;
    ensure!(
        card.rules[0].moments == 0 && card.rewards.len() == 1,
        "{card:#?}"
    );
    // Whole days: three, and the rest of the last.
    let left_ms = card.rewards[0].expires_ms - now_ms();
    ensure!(
        (3 * 86_400_000..=4 * 86_400_000 + 3_600_000).contains(&left_ms),
        "{left_ms}"
    );
    until("the message", async || {
        let all = inbox.received();
        Ok(all.iter().any(|received| {
            let said = &received.notification;
            said.title == "Voor jou: een koffie" && said.body.starts_with("Goed tot en met ")
        }))
    })
    .await?;

    // Daan was here too, and never joined.
    until("his visit", async || {
        Ok(Audit::open(&stack.database())?.visits("kade-9")?.len() == 2)
    })
    .await?;
    let audit = Audit::open(&stack.database())?;
    ensure!(audit.number("SELECT count(*) FROM loyalty_moments")? == 1);
    ensure!(daan.phone.loyalty().await?.rewards.is_empty());

    let code = card.rewards[0].code.to_lowercase();
    let (one, other) = tokio::join!(redeem(stack, &code), redeem(stack, &code));
    let mut answers = [one?, other?];
    answers.sort_by_key(|answer| answer.status);
    let [given, refused] = &answers;
    ensure!(given.status == 200, "{answers:?}");
    ensure!(given.json()?["name"]["en"] == "a coffee", "{given:?}");
    refused.ensure_problem(409)?;
    ensure!(refused.body.contains("in kade-9"), "{refused:?}");
    redeem(stack, "0000 0000").await?.ensure_problem(404)?;
    ensure!(anna.phone.loyalty().await?.rewards.is_empty());
    let rules = ask_api(stack, Method::GET, "/v1/loyalty/rules", &json!({})).await?;
    let rule = &rules.json()?["rules"][0];
    ensure!(rule["earned"] == 1 && rule["redeemed"] == 1, "{rule:#}");

    anna.phone.leave().await?;
    for table in ["members", "loyalty_moments", "rewards"] {
        let left = audit.number(&format!("SELECT count(*) FROM {table}"))?;
        ensure!(left == 0, "{table}: {left}");
    }
    Ok(())
}

async fn purchases_count() -> anyhow::Result<()> {
    let (floor, [anna]) = Floor::open([("anna", Consent::NONE)]).await?;
    let stack = &floor.rig.stack;
    let both = ["purchase_online", "purchase_store"];
    make(stack, "coffee", &coffee(&both, 2)).await?;
    let tiers = json!({"tiers": [
        {"tier": "regular", "name": {"nl": "Vaste klant", "en": "Regular"}, "moments_min": 2},
    ]});
    let put = ask_api(stack, Method::PUT, "/v1/loyalty/tiers", &tiers).await?;
    ensure!(put.status == 204, "{put:?}");
    anna.phone.join(CONSENT_TEXT, "nl").await?;
    let path = format!("/v1/customers/{}/receipts", anna.customer);
    let receipt = |number: &str, store: Option<&str>| {
        json!({
            "receipt": number, "store": store, "at_ms": now_ms(), "total_minor": 2_000,
            "currency": "EUR", "lines": [{"sku": "LAMP-BOOG", "quantity": 1}],
        })
    };
    for (number, store) in [("1", None), ("1", None), ("2", Some("kade-9"))] {
        let _: Nothing = stack.api.post(&path, &receipt(number, store)).await?;
    }
    let card = anna.phone.loyalty().await?;
    ensure!(card.rewards.len() == 1, "{card:#?}");
    ensure!(card.tier.as_deref() == Some("regular"), "{card:#?}");
    // It counts; what she bought is kept nowhere.
    let audit = Audit::open(&stack.database())?;
    for table in ["receipts", "receipt_lines", "intents"] {
        let kept = audit.number(&format!("SELECT count(*) FROM {table}"))?;
        ensure!(kept == 0, "{table}: {kept}");
    }
    Ok(())
}

async fn wrong_rules() -> anyhow::Result<()> {
    let (floor, []) = Floor::open([]).await?;
    let stack = &floor.rig.stack;
    let with = |pointer: &str, value: Value| {
        let mut body = coffee(&["visit"], 5);
        *body.pointer_mut(pointer).expect("a key of the rule") = value;
        body
    };
    let cases = [
        ("/counts", json!([]), "counts"),
        (
            "/counts",
            json!(["visit", "check_in"]),
            "visit or check_in, not both",
        ),
        ("/counts", json!(["smile"]), "smile"),
        ("/every", json!(0), "every"),
        ("/every", json!(21), "every"),
        ("/valid_days", json!(0), "valid_days"),
        ("/name", json!({"nl": "", "en": "a coffee"}), "name.nl"),
    ];
    for (pointer, value, words) in cases {
        let answer = make(stack, "coffee", &with(pointer, value)).await?;
        answer.ensure_problem(422)?;
        ensure!(answer.body.contains(words), "{pointer}: {}", answer.body);
    }
    ensure!(make(stack, "coffee", &coffee(&["visit"], 5)).await?.status == 204);
    let changed = make(stack, "coffee", &coffee(&["visit"], 10)).await?;
    changed.ensure_problem(409)?;
    ensure!(
        changed.body.contains("pause it and make another"),
        "{}",
        changed.body
    );
    Ok(())
}
