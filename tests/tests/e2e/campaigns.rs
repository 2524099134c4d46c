//! Campaigns: drafted, published, told, explained, played again.

use anyhow::{Context, ensure};
use demo::stack::{Options, Stack, until};
use e2e::{harness::test, person::Person, rig::Rig};
use firmware_sim::phone::{
    Consent,
    inbox::{Class, Inbox, listen},
};
use libtest_mimic::Trial;
use reqwest::Method;
use serde_json::{Value, json};
use server::clock::now_ms;
use tokio::sync::watch;

use crate::floor::{Floor, ask_api, explain};

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test(
            "a_campaign_that_is_wrong_is_refused_with_the_reason",
            &[],
            wrong_is_refused,
        ),
        test(
            "a_published_version_stays_as_it_is_while_the_next_is_drafted",
            &[],
            versions,
        ),
        test(
            "a_campaign_is_told_in_its_own_words_and_explained",
            &[],
            told_and_explained,
        ),
        test(
            "a_replay_with_nothing_changed_is_what_live_had_done",
            &[],
            replay_is_live,
        ),
    ]
}

/// Tells of her wishlist after two seconds at the door.
fn wishlist() -> Value {
    json!({
        "name": "Van je verlanglijst", "topic": "wishlist",
        "trigger": {"when": {"dwell": {"seconds": 2}}, "zones": ["entree"], "stores": []},
        "about": {"about": "product", "anywhere": true},
        "relevant_ms": 120_000, "attribution_ms": 86_400_000, "priority": 5,
        "content": {
            "nl": {"title": "Dag {given_name}", "body": "{product} staat bij {place}."},
            "en": {"title": "Hello {given_name}", "body": "{product} stands at {place}."},
        },
    })
}

const USUAL: &str = "/v1/campaigns/019a0000-0000-7000-8000-000000000001";

async fn wrong_is_refused() -> anyhow::Result<()> {
    let rig = Rig::start(Options::default()).await?;
    let with = |pointer: &str, value: Value| {
        let mut body = wishlist();
        *body.pointer_mut(pointer).expect("a key of the campaign") = value;
        body
    };
    let cases = [
        (
            "/content/nl/body",
            json!("Dag {naam}"),
            422,
            "there is no {naam}; there are {given_name}",
        ),
        (
            "/content/nl/body",
            json!("Dag {product"),
            422,
            "a brace at byte 4",
        ),
        (
            "/content/nl/title",
            json!(""),
            422,
            "a title has 1 to 60 characters",
        ),
        ("/content", json!({}), 422, "say it in nl, en or both"),
        (
            "/content",
            json!({"de": {"title": "x", "body": "y"}}),
            422,
            "languages are nl and en",
        ),
        (
            "/trigger/when",
            json!({"dwell": {"seconds": 0}}),
            422,
            "seconds: 1 to 3600",
        ),
        ("/trigger/when", json!("now"), 422, "when"),
        (
            "/trigger/zones",
            json!(["kelder"]),
            409,
            "no store has a zone kelder",
        ),
        (
            "/trigger/stores",
            json!(["kade-7"]),
            409,
            "there is no store kade-7",
        ),
        ("/topic", json!("Verlang lijst"), 422, "a topic is"),
        ("/relevant_ms", json!(1), 422, "relevant_ms"),
        ("/priority", json!(1_000), 422, "priority"),
        ("/about", json!({"about": "weather"}), 422, "about"),
    ];
    for (pointer, value, status, words) in cases {
        let body = with(pointer, value);
        let answer = ask_api(&rig.stack, Method::POST, "/v1/campaigns", &body).await?;
        ensure!(answer.status == status, "{pointer}: {answer:?}");
        answer.ensure_problem(status)?;
        let detail = answer.json()?["detail"].to_string();
        ensure!(detail.contains(words), "{pointer}: {detail}");
    }
    // Sound by themselves, and never told.
    for (key, value, words) in [
        (
            "audience",
            json!({"visit_min": 3, "visit_max": 2}),
            "nobody is told",
        ),
        (
            "schedule",
            json!({"from_ms": 2, "until_ms": 2}),
            "after from_ms",
        ),
        ("schedule", json!({"minutes": [600, 600]}), "are the same"),
    ] {
        let mut body = wishlist();
        body[key] = value;
        let answer = ask_api(&rig.stack, Method::POST, "/v1/campaigns", &body).await?;
        answer.ensure_problem(422)?;
        ensure!(answer.body.contains(words), "{key}: {}", answer.body);
    }
    let mut unknown = wishlist();
    unknown["sneaky"] = json!(true);
    let answer = ask_api(&rig.stack, Method::POST, "/v1/campaigns", &unknown).await?;
    answer.ensure_problem(422)?;
    let gone = "/v1/campaigns/0199a6b0-0000-7000-8000-000000000000";
    for (method, path, body, status) in [
        (Method::GET, gone.to_owned(), json!({}), 404),
        (Method::PUT, gone.to_owned(), wishlist(), 404),
        (
            Method::PUT,
            format!("{gone}/state"),
            json!({"state": "paused"}),
            404,
        ),
        (
            Method::PUT,
            format!("{USUAL}/state"),
            json!({"state": "draft"}),
            409,
        ),
        (
            Method::PUT,
            format!("{USUAL}/state"),
            json!({"state": "gone"}),
            422,
        ),
    ] {
        let answer = ask_api(&rig.stack, method, &path, &body).await?;
        ensure!(answer.status == status, "{path} {body}: {answer:?}");
        answer.ensure_problem(status)?;
    }
    let all = ask_api(&rig.stack, Method::GET, "/v1/campaigns", &json!({})).await?;
    ensure!(
        all.json()?.as_array().is_some_and(|all| all.len() == 1),
        "{all:?}"
    );
    Ok(())
}

async fn made(stack: &Stack, body: &Value) -> anyhow::Result<String> {
    let answer = ask_api(stack, Method::POST, "/v1/campaigns", body).await?;
    ensure!(answer.status == 201, "{answer:?}");
    let id = answer.json()?["campaign"]
        .as_str()
        .context("an id")?
        .to_owned();
    Ok(format!("/v1/campaigns/{id}"))
}

async fn moved(stack: &Stack, campaign: &str, state: &str) -> anyhow::Result<Value> {
    let path = format!("{campaign}/state");
    let answer = ask_api(stack, Method::PUT, &path, &json!({"state": state})).await?;
    ensure!(answer.status == 200, "{answer:?}");
    answer.json()
}

/// The campaigns that the engine of the store was told last.
fn running(stack: &Stack) -> anyhow::Result<Vec<Value>> {
    let db = rusqlite::Connection::open(stack.database())?;
    let body: String = db.query_row(
        "SELECT CAST(body AS TEXT) FROM inputs WHERE instr(body, '\"kind\":\"campaigns\"') > 0
         ORDER BY seq DESC LIMIT 1",
        [],
        |row| row.get(0),
    )?;
    let body: Value = serde_json::from_str(&body)?;
    Ok(body["campaigns"].as_array().context("campaigns")?.clone())
}

async fn versions() -> anyhow::Result<()> {
    let rig = Rig::start(Options::default()).await?;
    let stack = &rig.stack;
    let campaign = made(stack, &wishlist()).await?;
    ensure!(running(stack)?.len() == 1, "a draft does not run");
    // A draft is written over; what was published is not.
    let mut other = wishlist();
    other["priority"] = json!(6);
    let put = ask_api(stack, Method::PUT, &campaign, &other)
        .await?
        .json()?;
    ensure!(put["version"] == 1 && put["state"] == "draft", "{put:#}");
    let live = moved(stack, &campaign, "published").await?;
    ensure!(
        live["published"] == 1 && live["state"] == "published",
        "{live:#}"
    );
    other["priority"] = json!(7);
    let put = ask_api(stack, Method::PUT, &campaign, &other)
        .await?
        .json()?;
    ensure!(put["version"] == 2 && put["published"] == 1, "{put:#}");
    let runs = running(stack)?;
    ensure!(
        runs.len() == 2 && runs[1]["version"] == 1 && runs[1]["priority"] == 6,
        "{runs:#?}"
    );
    moved(stack, &campaign, "published").await?;
    ensure!(
        running(stack)?[1]["priority"] == 7,
        "{:#?}",
        running(stack)?
    );
    moved(stack, &campaign, "paused").await?;
    ensure!(running(stack)?.len() == 1, "{:#?}", running(stack)?);
    moved(stack, &campaign, "ended").await?;
    for (path, body) in [
        (campaign.clone(), other),
        (format!("{campaign}/state"), json!({"state": "published"})),
    ] {
        let answer = ask_api(stack, Method::PUT, &path, &body).await?;
        answer.ensure_problem(409)?;
    }
    Ok(())
}

/// She comes in, and the store has made so many decisions.
async fn decisions(floor: &mut Floor, who: &Person, at_least: usize) -> anyhow::Result<Vec<Value>> {
    floor.heard(who, 20).await?;
    let mut made = Vec::new();
    until("decisions", async || {
        let page: Value = floor
            .rig
            .stack
            .api
            .get("/v1/stores/kade-9/decisions")
            .await?;
        made.clone_from(page["items"].as_array().context("decisions")?);
        Ok(made.len() >= at_least)
    })
    .await?;
    Ok(made)
}

fn explained(stack: &Stack, decision: &str, json: bool) -> anyhow::Result<String> {
    let output = explain(stack, &["decision", decision], json)?;
    ensure!(output.status.success(), "{output:?}");
    Ok(String::from_utf8(output.stdout)?)
}

async fn told_and_explained() -> anyhow::Result<()> {
    let (mut floor, [anna]) = Floor::open([("anna", Consent::ALL)]).await?;
    anna.did_online(&floor.rig.stack, "wishlisted", "LAMP-BOOG")
        .await?;
    let (inbox, phone) = (Inbox::default(), anna.phone.clone());
    let (kept, (_stop, stopped)) = (inbox.clone(), watch::channel(false));
    // Ends with the test.
    let _listens = tokio::spawn(async move { listen(phone, kept, now_ms, stopped, |_| {}).await });
    let campaign = made(&floor.rig.stack, &wishlist()).await?;
    moved(&floor.rig.stack, &campaign, "published").await?;
    let made_of = decisions(&mut floor, &anna, 2).await?;
    let stack = &floor.rig.stack;
    let told = made_of
        .iter()
        .find(|d| d["choice"] == "notify")
        .context("told")?;
    let silent = made_of
        .iter()
        .find(|d| d["choice"] == "suppress")
        .context("silent")?;
    ensure!(told["sku"] == "LAMP-BOOG", "{told:#}");

    let id = told["decision"].as_str().context("an id")?;
    let text = explained(stack, id, false)?;
    for words in [
        "Kade 9 Utrecht",
        "had been for 2 s in Entrance",
        "Told: ",
        "Van je verlanglijst (version 1)",
        "wishlisted 5.0",
        "messages yes, browsing yes",
        "The message: ",
    ] {
        ensure!(text.contains(words), "{words}: {text}");
    }
    ensure!(
        !text.contains("Anna") && !text.contains("de Vries"),
        "{text}"
    );
    let json: Value = serde_json::from_str(&explained(stack, id, true)?)?;
    ensure!(json["decision"] == id && json["arm"] == "told", "{json:#}");
    let id = silent["decision"].as_str().context("an id")?;
    let text = explained(stack, id, false)?;
    for words in [
        "came into Entrance",
        "Silent: not in this zone",
        "wishlisted",
    ] {
        ensure!(text.contains(words), "{words}: {text}");
    }

    // What her phone reads is what the campaign says.
    let marketing = || {
        let all = inbox
            .received()
            .into_iter()
            .map(|received| received.notification);
        all.filter(|said| said.class == Class::Marketing)
            .collect::<Vec<_>>()
    };
    until("the message", async || Ok(!marketing().is_empty())).await?;
    let said = marketing().remove(0);
    ensure!(said.title == "Dag Anna", "{said:#?}");
    ensure!(
        said.body.starts_with("Booglamp") && said.body.contains(" staat bij "),
        "{said:#?}"
    );
    Ok(())
}

async fn replay_is_live() -> anyhow::Result<()> {
    let (mut floor, [anna]) = Floor::open([("anna", Consent::ALL)]).await?;
    for sku in ["LAMP-BOOG", "LAMP-BUREAU"] {
        anna.did_online(&floor.rig.stack, "carted", sku).await?;
    }
    let campaign = made(&floor.rig.stack, &wishlist()).await?;
    moved(&floor.rig.stack, &campaign, "published").await?;
    decisions(&mut floor, &anna, 2).await?;
    let stack = &floor.rig.stack;
    let week = json!({"store": "kade-9", "from_ms": 0, "until_ms": 0});
    let too_long = json!({"store": "kade-9", "from_ms": 0, "until_ms": now_ms()});
    let path = format!("{campaign}/replay");
    ask_api(stack, Method::POST, &path, &too_long)
        .await?
        .ensure_problem(422)?;
    let none = ask_api(stack, Method::POST, &path, &week).await?.json()?;
    ensure!(none["decisions"] == 0, "{none:#}");
    let last =
        json!({"store": "kade-9", "from_ms": now_ms() - 86_400_000, "until_ms": now_ms() + 1});
    let same = ask_api(stack, Method::POST, &path, &last).await?.json()?;
    ensure!(
        same["different"] == 0 && same["sent"] == 1 && same["live_sent"] == 1,
        "{same:#}"
    );
    ensure!(same["held_back"] == same["live_held_back"], "{same:#}");

    // A draft that asks for more certainty than there was would have held it back.
    let mut strict = wishlist();
    strict["caps"] = json!({"per_person_day": 0});
    let put = ask_api(stack, Method::PUT, &campaign, &strict).await?;
    ensure!(put.status == 200, "{put:?}");
    let other = ask_api(stack, Method::POST, &path, &last).await?.json()?;
    ensure!(other["sent"] == 0 && other["different"] == 1, "{other:#}");
    ensure!(
        other["reasons"] == json!([["cap_person_day", 1]]),
        "{other:#}"
    );
    Ok(())
}
