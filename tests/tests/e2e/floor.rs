//! The floor plan and what rests on it: places, reasons, the map, the calibration walk.

use std::process::Command;

use anyhow::Context;
use demo::{
    audit::Audit,
    stack::{Options, STAFF, Stack, until},
};
use e2e::{
    ask::{Answer, ask},
    hand::{Hand, Run},
    harness::test,
    person::{CONSENT_TEXT, MESSAGES, Person, agreed_an_hour_ago, person},
    rig::{self, Rig},
};
use firmware_sim::{http::Nothing, phone::Consent};
use libtest_mimic::Trial;
use protocol::AnchorId;
use reqwest::Method;
use serde_json::{Value, json};
use server::clock::now_ms;

use crate::fleet::log_in;

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test(
            "a_floor_plan_reaches_the_engine_and_nonsense_does_not",
            &[],
            plan_reaches_the_engine,
        ),
        test(
            "a_visit_tells_why_it_changed_through_api_page_and_command_line",
            &[],
            visit_tells_why,
        ),
        test(
            "why_a_visit_changed_goes_with_consent_and_with_the_customer",
            &[],
            reasons_go_with_the_visit,
        ),
        test(
            "the_map_and_a_visit_are_for_who_runs_the_store_and_name_nobody",
            &[],
            map_names_nobody,
        ),
        test(
            "the_map_lists_no_visit_that_is_kept_for_an_order_alone",
            &[],
            map_leaves_out_arrivals,
        ),
        test(
            "a_calibration_walk_goes_live_and_leaves_nothing_of_the_walker",
            &[],
            walk_goes_live,
        ),
        test(
            "a_calibration_walk_needs_consent_and_ends_with_it",
            &[],
            walk_needs_consent,
        ),
    ]
}

pub(crate) async fn ask_api(
    stack: &Stack,
    method: Method,
    path: &str,
    body: &Value,
) -> anyhow::Result<Answer> {
    let bearer = format!("Bearer {}", stack.api_key);
    let headers = [
        ("Authorization", bearer.as_str()),
        ("Content-Type", "application/json"),
    ];
    let body = match method {
        Method::GET => Vec::new(),
        _ => body.to_string().into_bytes(),
    };
    ask(stack, &method, path, &headers, body).await
}

/// The layout that the engine was told last.
fn layout(stack: &Stack) -> anyhow::Result<Value> {
    let db = rusqlite::Connection::open(stack.database())?;
    let body: String = db.query_row(
        "SELECT CAST(body AS TEXT) FROM inputs WHERE instr(body, '\"kind\":\"layout\"') > 0
         ORDER BY seq DESC LIMIT 1",
        [],
        |row| row.get(0),
    )?;
    serde_json::from_str(&body).context("read the layout")
}

async fn plan_reaches_the_engine() -> anyhow::Result<()> {
    let rig = Rig::start(Options::default()).await?;
    let stack = &rig.stack;
    let told = layout(stack)?;
    let area = &told["areas"]["entree"];
    anyhow::ensure!(
        area["corner"] == json!({"x_cm": 800, "y_cm": 0}) && area["wide_cm"] == 800,
        "{told:#}"
    );
    anyhow::ensure!(area["door"] == true, "{told:#}");
    let door = &told["anchors"]["door"]["place"];
    anyhow::ensure!(*door == json!({"x_cm": 1_220, "y_cm": 200}), "{told:#}");
    anyhow::ensure!(told["rules"]["say_permille"] == 900, "{told:#}");

    let name = json!({"nl": "Entree", "en": "Entrance"});
    let anchor = json!({"kind": "gateway", "gateway": "door", "zone": "entree",
        "enter_rssi_dbm": -80, "place": {"x_cm": 1_220, "y_cm": 200}});
    let far = |key: &str, value: Value| {
        let mut body = anchor.clone();
        body["place"][key] = value;
        body
    };
    let zone = |area: Value| json!({"name": name, "area": area});
    let store = json!({
        "name": "Kade 9", "timezone": "Europe/Amsterdam", "opens": "00:00", "closes": "00:00",
        "messages_per_day_max": 2, "say_permille": 1_000,
    });
    for (path, body, status) in [
        (
            "zones/entree",
            zone(json!({"x_cm": 0, "y_cm": 0, "wide_cm": 0, "deep_cm": 500})),
            422,
        ),
        (
            "zones/entree",
            zone(json!({"x_cm": 0, "y_cm": 0, "wide_cm": 500})),
            422,
        ),
        (
            "zones/entree",
            zone(json!({"x_cm": 2_000_000, "y_cm": 0, "wide_cm": 9_000, "deep_cm": 500})),
            422,
        ),
        ("anchors/door", far("y_cm", json!(900)), 409),
        ("anchors/door", far("x_cm", json!(-2_000_000)), 422),
        ("anchors/door", far("z_cm", json!(3)), 422),
        ("", store, 422),
    ] {
        let path = format!("/v1/stores/kade-9/{path}");
        let path = path.trim_end_matches('/');
        let answer = ask_api(stack, Method::PUT, path, &body).await?;
        answer
            .ensure_problem(status)
            .with_context(|| format!("{path} {body}"))?;
    }
    anyhow::ensure!(layout(stack)? == told, "nonsense came through");
    // Taken off the plan, and on it again with other rules.
    let off = json!({"name": name});
    let _: Nothing = stack
        .api
        .put("/v1/stores/kade-9/zones/entree", &off)
        .await?;
    anyhow::ensure!(layout(stack)?["areas"]["entree"].is_null());
    let sure = json!({
        "name": "Kade 9", "timezone": "Europe/Amsterdam", "opens": "00:00", "closes": "00:00",
        "messages_per_day_max": 2, "say_permille": 800, "false_arrivals_permille": 20,
    });
    let _: Nothing = stack.api.put("/v1/stores/kade-9", &sure).await?;
    let rules = &layout(stack)?["rules"];
    anyhow::ensure!(
        rules["say_permille"] == 800 && rules["false_arrivals_permille"] == 20,
        "{rules:#}"
    );
    Ok(())
}

/// Heard by an antenna once a second for so long, up to now.
async fn heard(
    hand: &mut Hand,
    run: &mut Run,
    who: &Person,
    anchor: &AnchorId,
    seconds: u64,
) -> anyhow::Result<()> {
    let now = now_ms();
    let seen = (0..seconds)
        .rev()
        .map(|ago| who.seen_at(anchor, now - ago * 1_000));
    hand.deliver(&run.batch(seen.collect())).await?;
    Ok(())
}

/// A store with one gateway by hand.
pub(crate) struct Floor {
    pub(crate) rig: Rig,
    hand: Hand,
    run: Run,
    door: AnchorId,
}

impl Floor {
    /// A store, and people who agreed an hour ago: what was heard before a yes is not used.
    pub(crate) async fn open<const N: usize>(
        who: [(&str, Consent); N],
    ) -> anyhow::Result<(Self, [Person; N])> {
        let mut rig = Rig::start(Options::default()).await?;
        let mut people = Vec::new();
        for (name, consent) in who {
            people.push(person(&rig.stack, name, consent).await?);
        }
        rig.stack.stop().await?;
        agreed_an_hour_ago(&rig.stack)?;
        rig.stack.restart().await?;
        let credentials = &rig.credentials[0];
        let hand = Hand::connect(&rig.stack.store, credentials).await?;
        let run = Run::new(&rig.stack.store, &credentials.gateway);
        let door = "door".parse()?;
        let people = people.try_into().ok().context("as many as were asked")?;
        let floor = Self {
            rig,
            hand,
            run,
            door,
        };
        Ok((floor, people))
    }

    /// She was at the door, once a second for so long, up to now.
    pub(crate) async fn heard(&mut self, who: &Person, seconds: u64) -> anyhow::Result<()> {
        heard(&mut self.hand, &mut self.run, who, &self.door, seconds).await
    }

    /// The one visit of the store.
    async fn visit(&self) -> anyhow::Result<String> {
        let page: Value = self.rig.stack.api.get("/v1/stores/kade-9/visits").await?;
        let id = page["items"][0]["visit"].as_str().context("a visit")?;
        Ok(id.to_owned())
    }

    fn reasons(&self) -> anyhow::Result<u64> {
        Audit::open(&self.rig.stack.database())?.number("SELECT count(*) FROM visit_changes")
    }

    async fn manager(&self) -> anyhow::Result<String> {
        let body = json!({ "name": "Noor", "role": "manager", "password": STAFF.1 });
        let path = "/v1/stores/kade-9/staff/noor";
        let _: Nothing = self.rig.stack.api.put(path, &body).await?;
        Ok(log_in(&self.rig, "/login?store=kade-9&to=map", "noor")
            .await?
            .1)
    }

    async fn page(&self, path: &str, jar: &str) -> anyhow::Result<Answer> {
        let headers = [("Cookie", jar), ("Accept-Language", "en")];
        ask(&self.rig.stack, &Method::GET, path, &headers, Vec::new()).await
    }
}

/// The command line's `explain`, with what is to be explained.
pub(crate) fn explain(
    stack: &Stack,
    what: &[&str],
    json: bool,
) -> anyhow::Result<std::process::Output> {
    let mut command = Command::new(rig::program()?);
    command
        .args(["part-server", "explain"])
        .args(what)
        .arg("--config")
        .arg(stack.dir.join("welkom.toml"));
    if json {
        command.arg("--json");
    }
    command.output().context("run explain")
}

async fn visit_tells_why() -> anyhow::Result<()> {
    let (mut floor, [anna]) = Floor::open([("anna", Consent::ALL)]).await?;
    floor.heard(&anna, 20).await?;
    let visit = floor.visit().await?;
    let path = format!("/v1/stores/kade-9/visits/{visit}");
    let told: Value = floor.rig.stack.api.get(&path).await?;
    let changes = told["changes"].as_array().context("changes")?;
    anyhow::ensure!(changes[0]["change"] == "entered", "{told:#}");
    let moved = changes.iter().find(|c| c["change"] == "zone_entered");
    let moved = moved.with_context(|| format!("no zone was said: {told:#}"))?;
    anyhow::ensure!(moved["zone"] == "entree", "{told:#}");
    let why = &moved["why"];
    anyhow::ensure!(
        why["because"] == "radio" && why["heard"][0]["anchor"] == "door",
        "{told:#}"
    );
    anyhow::ensure!(why["heard"][0]["rssi_dbm"] == -50, "{told:#}");
    anyhow::ensure!(why["zones"][0]["share"].as_f64() > Some(0.5), "{told:#}");

    let stack = &floor.rig.stack;
    for (path, status) in [
        (
            "/v1/stores/kade-9/visits/0199a6b0-0000-7000-8000-000000000000",
            404,
        ),
        ("/v1/stores/kade-9/visits/none", 404),
        (&*format!("/v1/stores/kade-8/visits/{visit}"), 404),
    ] {
        let answer = ask_api(stack, Method::GET, path, &json!({})).await?;
        anyhow::ensure!(
            answer.status == status || answer.status == 422,
            "{path}: {answer:?}"
        );
        answer.ensure_problem(answer.status)?;
    }

    // While the server runs, the command line tells the same; into a pipe without colours.
    let json_told = explain(stack, &["presence", "--visit", &visit], true)?;
    anyhow::ensure!(json_told.status.success(), "{json_told:?}");
    let again: Value = serde_json::from_slice(&json_told.stdout)?;
    anyhow::ensure!(again == told, "{again:#}\ninstead of\n{told:#}");
    let text = explain(stack, &["presence", "--visit", &visit], false)?;
    let text = String::from_utf8(text.stdout)?;
    for words in [
        "Kade 9 Utrecht",
        "Came in",
        "Entrance, ",
        "% sure",
        "Heard most strongly by door",
    ] {
        anyhow::ensure!(text.contains(words), "{words}: {text}");
    }
    anyhow::ensure!(!text.contains('\u{1b}') && !text.contains("anna"), "{text}");
    let unknown = explain(
        stack,
        &[
            "presence",
            "--visit",
            "0199a6b0-0000-7000-8000-000000000000",
        ],
        false,
    )?;
    let error = String::from_utf8_lossy(&unknown.stderr).into_owned();
    anyhow::ensure!(unknown.status.code() == Some(1), "{unknown:?}");
    anyhow::ensure!(error.contains("there is no visit 0199a6b0"), "{error}");

    let jar = floor.manager().await?;
    let page = floor
        .page(&format!("/manage/kade-9/visits/{visit}"), &jar)
        .await?;
    anyhow::ensure!(page.status == 200, "{page:?}");
    for words in [
        "Came in",
        "Entrance, ",
        "Heard most strongly by door: \u{2212}50 dBm",
    ] {
        anyhow::ensure!(page.body.contains(words), "{words}: {}", page.body);
    }
    Ok(())
}

async fn reasons_go_with_the_visit() -> anyhow::Result<()> {
    let agreed = [("anna", MESSAGES), ("cleo", MESSAGES)];
    let (mut floor, [anna, cleo]) = Floor::open(agreed).await?;
    floor.heard(&anna, 20).await?;
    let hers = floor.reasons()?;
    anyhow::ensure!(hers >= 2, "{hers}");
    let visit = floor.visit().await?;
    anna.phone
        .set_consent(Consent::NONE, CONSENT_TEXT, "nl")
        .await?;
    anyhow::ensure!(floor.reasons()? == 0, "reasons outlive consent");
    let told = explain(&floor.rig.stack, &["presence", "--visit", &visit], false)?;
    anyhow::ensure!(told.status.code() == Some(1), "{told:?}");
    let jar = floor.manager().await?;
    let page = floor
        .page(&format!("/manage/kade-9/visits/{visit}"), &jar)
        .await?;
    anyhow::ensure!(page.status == 404, "{page:?}");

    floor.heard(&cleo, 20).await?;
    anyhow::ensure!(floor.reasons()? >= 2);
    let path = format!("/v1/customers/{}", cleo.customer);
    let gone = ask_api(&floor.rig.stack, Method::DELETE, &path, &json!({})).await?;
    anyhow::ensure!(gone.status == 204, "{gone:?}");
    anyhow::ensure!(floor.reasons()? == 0, "reasons outlive a customer");
    Ok(())
}

async fn map_names_nobody() -> anyhow::Result<()> {
    let (mut floor, [anna]) = Floor::open([("klant-anna-77", Consent::ALL)]).await?;
    floor.heard(&anna, 20).await?;
    let visit = floor.visit().await?;
    let (map, one) = (
        "/manage/kade-9/map",
        format!("/manage/kade-9/visits/{visit}"),
    );
    let pages = [
        map,
        "/manage/kade-9/map/events",
        "/manage/kade-9/walk",
        &*one,
    ];
    for path in pages {
        let stranger = floor.page(path, "welkom_session=nobody").await?;
        anyhow::ensure!(stranger.status == 303, "{path}: {stranger:?}");
        let to = if path.contains("walk") { "walk" } else { "map" };
        let door = stranger.header("location");
        anyhow::ensure!(door == format!("/login?store=kade-9&to={to}"), "{door}");
    }
    let (_, sanne) = log_in(&floor.rig, "/login?store=kade-9", STAFF.0).await?;
    for path in pages {
        let shut = floor.page(path, &sanne).await?;
        anyhow::ensure!(shut.status == 403, "{path}: {shut:?}");
    }
    let noor = floor.manager().await?;
    let page = floor.page(map, &noor).await?;
    anyhow::ensure!(page.status == 200, "{page:?}");
    anyhow::ensure!(page.body.contains("1 person"), "{}", page.body);
    anyhow::ensure!(page.body.contains(&one), "{}", page.body);
    let stream = floor.page("/manage/kade-9/map/events", &noor).await?;
    anyhow::ensure!(stream.media_type() == "text/event-stream", "{stream:?}");
    let told = floor.page(&one, &noor).await?;
    for body in [&page.body, &told.body] {
        let customer = anna.customer.to_string();
        for name in ["klant-anna-77", "Anna", "Vries", &*customer] {
            anyhow::ensure!(!body.contains(name), "{name}: {body}");
        }
        anyhow::ensure!(
            !body.contains("//fonts") && !body.contains("https://"),
            "{body}"
        );
    }
    Ok(())
}

async fn map_leaves_out_arrivals() -> anyhow::Result<()> {
    let collects = Consent {
        arrival: true,
        ..Consent::NONE
    };
    let (mut floor, [anna, bea]) = Floor::open([("anna", Consent::ALL), ("bea", collects)]).await?;
    let order = json!({
        "external_id": "1042-7731", "store": "kade-9", "customer": bea.customer,
        "lines": [{ "sku": "LAMP-BOOG", "quantity": 1 }], "state": "ready", "code": "7419",
    });
    let _: Nothing = floor.rig.stack.api.post("/v1/orders", &order).await?;
    for who in [&anna, &bea] {
        floor.heard(who, 20).await?;
    }
    let visits: Value = floor.rig.stack.api.get("/v1/stores/kade-9/visits").await?;
    let visits = visits["items"].as_array().context("visits")?;
    anyhow::ensure!(visits.len() == 2, "{visits:#?}");
    let noor = floor.manager().await?;
    let page = floor.page("/manage/kade-9/map", &noor).await?;
    for visit in visits {
        let id = visit["visit"].as_str().context("an id")?;
        let agreed_to_more = visit["customer"] == json!(anna.customer);
        let listed = page.body.contains(&format!("/visits/{id}"));
        anyhow::ensure!(listed == agreed_to_more, "{visit:#}: {}", page.body);
    }
    Ok(())
}

/// A tap on the walk's page; where it leads.
async fn tap(floor: &Floor, jar: &str, form: &str) -> anyhow::Result<Answer> {
    let page = floor.page("/manage/kade-9/walk", jar).await?;
    let token = page.body.split("name=\"csrf\" value=\"").nth(1);
    let token = token
        .and_then(|after| after.split('"').next())
        .context("a token")?;
    let headers = [
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Cookie", jar),
    ];
    let body = format!("csrf={token}&{form}").into_bytes();
    ask(
        &floor.rig.stack,
        &Method::POST,
        "/manage/kade-9/walk",
        &headers,
        body,
    )
    .await
}

async fn tap_on(floor: &Floor, jar: &str, form: &str) -> anyhow::Result<()> {
    let answer = tap(floor, jar, form).await?;
    anyhow::ensure!(answer.status == 303, "{form}: {answer:?}");
    Ok(())
}

/// Lets time pass for what takes a minute: all stands began so much earlier.
fn long_ago(floor: &Floor, ms: u64) -> anyhow::Result<()> {
    let db = rusqlite::Connection::open(floor.rig.stack.database())?;
    let ms = i64::try_from(ms)?;
    db.execute(
        "UPDATE walk_stands SET from_ms = from_ms - ?1, to_ms = to_ms - ?1",
        [ms],
    )?;
    Ok(())
}

async fn walk_goes_live() -> anyhow::Result<()> {
    let agreed = [("testklant", Consent::ALL), ("anna", Consent::ALL)];
    let (mut floor, [tester, other]) = Floor::open(agreed).await?;
    let jar = floor.manager().await?;
    let refused = tap(&floor, &jar, "do=begin&external_id=niemand").await?;
    anyhow::ensure!(
        refused.status == 409 && refused.body.contains("geen klant met dit nummer"),
        "{refused:?}"
    );
    tap_on(&floor, &jar, "do=begin&external_id=testklant").await?;
    tap_on(&floor, &jar, "do=stand&zone=tassen").await?;
    tap_on(&floor, &jar, "do=undo").await?;
    tap_on(&floor, &jar, "do=stand&zone=entree").await?;
    long_ago(&floor, 25_000)?;
    floor.heard(&tester, 24).await?;
    floor.heard(&other, 24).await?;
    let audit = Audit::open(&floor.rig.stack.database())?;
    let gathered = "SELECT coalesce(sum(sightings), 0) FROM walk_parts";
    anyhow::ensure!(audit.number(gathered)? == 24, "{}", audit.number(gathered)?);
    let going = floor.page("/manage/kade-9/walk", &jar).await?;
    anyhow::ensure!(going.body.contains("heard 24 times"), "{}", going.body);
    tap_on(&floor, &jar, "do=pause").await?;
    // Between zones she belongs to none.
    floor.heard(&tester, 1).await?;
    anyhow::ensure!(audit.number(gathered)? == 24);
    long_ago(&floor, 30_000)?;
    tap_on(&floor, &jar, "do=stand&zone=schoenen").await?;
    long_ago(&floor, 25_000)?;
    let before = layout(&floor.rig.stack)?;
    tap_on(&floor, &jar, "do=stop").await?;
    let done = floor.page("/manage/kade-9/walk", &jar).await?;
    anyhow::ensure!(done.body.contains("Nothing has changed"), "{}", done.body);
    anyhow::ensure!(done.body.contains("100%"), "{}", done.body);
    anyhow::ensure!(
        done.body.contains("Not visited: Bags, Lamps, Pickup desk")
            || done.body.contains("Not visited: "),
        "{}",
        done.body
    );
    anyhow::ensure!(
        layout(&floor.rig.stack)? == before,
        "it went live by itself"
    );

    tap_on(&floor, &jar, "do=use").await?;
    let surveyed = layout(&floor.rig.stack)?["surveyed"].clone();
    let surveyed = surveyed.as_array().context("surveyed")?;
    anyhow::ensure!(surveyed.len() == 2 * 7, "{surveyed:#?}");
    let at_door = surveyed
        .iter()
        .find(|s| s["anchor"] == "door" && s["zone"] == "entree");
    let at_door = at_door.context("the door in its zone")?;
    anyhow::ensure!(
        at_door["sightings"] == 24 && at_door["mean_cdbm"] == -5_000,
        "{at_door:#}"
    );
    for table in ["walks", "walk_stands", "walk_parts"] {
        let rows = audit.number(&format!("SELECT count(*) FROM {table}"))?;
        anyhow::ensure!(rows == 0, "{rows} in {table}");
    }
    let second = tap(&floor, &jar, "do=use").await?;
    anyhow::ensure!(second.status == 409, "{second:?}");
    // It is kept with the store, over a restart; and can be taken back.
    floor.rig.stack.stop().await?;
    floor.rig.stack.restart().await?;
    let idle = floor.page("/manage/kade-9/walk", &jar).await?;
    anyhow::ensure!(
        idle.body.contains("a walk through 2 zones"),
        "{}",
        idle.body
    );
    tap_on(&floor, &jar, "do=drop").await?;
    anyhow::ensure!(layout(&floor.rig.stack)?["surveyed"] == json!([]));
    Ok(())
}

async fn walk_needs_consent() -> anyhow::Result<()> {
    let said = [("nee", Consent::NONE), ("ja", MESSAGES)];
    let (mut floor, [no, yes]) = Floor::open(said).await?;
    let jar = floor.manager().await?;
    let refused = tap(&floor, &jar, "do=begin&external_id=nee").await?;
    anyhow::ensure!(
        refused.status == 409 && refused.body.contains("geen toestemming"),
        "{refused:?}"
    );
    let forged = ask(
        &floor.rig.stack,
        &Method::POST,
        "/manage/kade-9/walk",
        &[
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("Cookie", &jar),
        ],
        b"csrf=guess&do=begin&external_id=ja".to_vec(),
    )
    .await?;
    anyhow::ensure!(forged.status == 403, "{forged:?}");
    tap_on(&floor, &jar, "do=begin&external_id=ja").await?;
    let second = tap(&floor, &jar, "do=begin&external_id=ja").await?;
    anyhow::ensure!(second.status == 409, "{second:?}");
    tap_on(&floor, &jar, "do=stand&zone=entree").await?;
    floor.heard(&no, 2).await?;
    floor.heard(&yes, 1).await?;
    let audit = Audit::open(&floor.rig.stack.database())?;
    let rows = |table: &str| audit.number(&format!("SELECT count(*) FROM {table}"));
    anyhow::ensure!(rows("walk_parts")? == 1, "{}", rows("walk_parts")?);
    yes.phone
        .set_consent(Consent::NONE, CONSENT_TEXT, "nl")
        .await?;
    for table in ["walks", "walk_stands", "walk_parts"] {
        anyhow::ensure!(rows(table)? == 0, "{table}");
    }
    // And with the customer.
    yes.phone.set_consent(MESSAGES, CONSENT_TEXT, "nl").await?;
    tap_on(&floor, &jar, "do=begin&external_id=ja").await?;
    tap_on(&floor, &jar, "do=stand&zone=entree").await?;
    let path = format!("/v1/customers/{}", yes.customer);
    let gone = ask_api(&floor.rig.stack, Method::DELETE, &path, &json!({})).await?;
    anyhow::ensure!(gone.status == 204, "{gone:?}");
    until("the walk to be gone", async || Ok(rows("walks")? == 0)).await?;
    tap_on(&floor, &jar, "do=discard").await?;
    let warnings = floor.rig.warnings()?;
    anyhow::ensure!(warnings.is_empty(), "{warnings:#?}");
    Ok(())
}
