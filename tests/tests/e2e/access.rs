//! Who gets in: every route, every role, both stores, cookies, certificates.

use demo::stack::{Options, STAFF};
use e2e::{
    ask::{Answer, ask},
    harness::test,
    rig::Rig,
};
use firmware_sim::{http::Nothing, phone::Consent};
use libtest_mimic::Trial;
use reqwest::{Method, header::SET_COOKIE};
use serde_json::{Value, json};
use server::{cli, config::Config};

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test(
            "every_route_of_the_api_asks_who_is_there",
            &[],
            every_route_asks,
        ),
        test(
            "a_colleague_works_in_her_own_store_with_her_pages_token",
            &[],
            staff_stay_in_their_store,
        ),
        test(
            "wrong_passwords_make_a_pause_that_nobody_else_feels",
            &[],
            log_in_slows_down,
        ),
        test(
            "all_of_it_works_over_tls_with_the_self_made_certificate",
            &[],
            works_over_tls,
        ),
    ]
}

/// Open to anybody on purpose: a phone or a gateway has no token before it enrols, the time is no secret, and
/// each webhook is signed.
const OPEN: [&str; 5] = [
    "/v1/enrol",
    "/v1/app/enrol",
    "/v1/app/time",
    "/v1/webhooks/shopify/web",
    "/v1/webhooks/woocommerce/web",
];
/// With a key that can do nothing else.
const EVENTS: [&str; 3] = ["/v1/track", "/v1/identify", "/v1/batch"];

struct Route {
    method: Method,
    path: String,
    schemes: Vec<String>,
}

/// All routes that the document has, with something in each place of a path.
fn routes(doc: &Value) -> anyhow::Result<Vec<Route>> {
    let mut routes = Vec::new();
    let paths = doc["paths"].as_object().into_iter().flatten();
    for (path, methods) in paths {
        let real = path
            .replace("{store}", "kade-9")
            .replace("{customer}", "0192f7a0-0000-7000-8000-000000000001")
            .replace("{order}", "0192f7a0-0000-7000-8000-000000000001")
            .replace("{delivery}", "0192f7a0-0000-7000-8000-000000000001")
            .replace("{campaign}", "0192f7a0-0000-7000-8000-000000000001")
            .replace("{visit}", "0192f7a0-0000-7000-8000-000000000001")
            .replace("{source}", "web")
            .replace("{rule}", "coffee")
            .replace("{task}", "1")
            .replace("{article}", "licht")
            .replace("{category}", "lampen")
            .replace("{sku}", "LAMP-BOOG")
            .replace("{login}", "sanne")
            .replace("{display}", "counter")
            .replace("{gateway}", "door");
        let real = real.replace("{zone}", "entree").replace("{anchor}", "door");
        let real = real
            .replace("{name}", "till")
            .replace("{message}", "0192f7a0-0000-7000-8000-000000000001");
        anyhow::ensure!(!real.contains('{'), "a place without a value: {real}");
        for (method, operation) in methods.as_object().into_iter().flatten() {
            let schemes = operation["security"].as_array().into_iter().flatten();
            let schemes = schemes.flat_map(|s| s.as_object().into_iter().flatten());
            routes.push(Route {
                method: method.to_uppercase().parse()?,
                path: real.clone(),
                schemes: schemes.map(|(name, _)| name.clone()).collect(),
            });
        }
    }
    Ok(routes)
}

async fn every_route_asks() -> anyhow::Result<()> {
    let rig = Rig::start(Options::default()).await?;
    let stack = &rig.stack;
    let config = Config::load(&stack.dir.join("welkom.toml"))?;
    let shop = format!("Bearer {}", cli::make_key(&config, "webshop", false)?);
    let doc = ask(stack, &Method::GET, "/openapi.json", &[], Vec::new()).await?;
    let doc = doc.json()?;
    anyhow::ensure!(doc["openapi"] == "3.1.0", "{}", doc["openapi"]);
    let schemes = &doc["components"]["securitySchemes"];
    for scheme in ["api_key", "device", "home"] {
        anyhow::ensure!(schemes[scheme]["scheme"] == "bearer", "{schemes}");
    }
    let routes = routes(&doc)?;
    anyhow::ensure!(routes.len() >= 28, "only {} routes", routes.len());
    for Route {
        method,
        path,
        schemes,
    } in routes
    {
        let asked = format!("{method} {path}");
        if OPEN.contains(&path.as_str()) {
            anyhow::ensure!(schemes.is_empty(), "{asked} is open and names {schemes:?}");
            continue;
        }
        for headers in [
            &[][..],
            &[("Authorization", "Bearer wk_wrong")],
            &[("Authorization", "Basic c2FubmU6eA==")],
            &[("Cookie", "welkom_session=ws_wrong")],
        ] {
            let answer = ask(stack, &method, &path, headers, Vec::new()).await?;
            answer
                .ensure_problem(401)
                .map_err(|e| e.context(format!("{asked} with {headers:?}")))?;
        }
        let wanted = if path.starts_with("/v1/app/") {
            "device"
        } else if path.starts_with("/v1/home/") {
            "home"
        } else if EVENTS.contains(&path.as_str()) {
            "write_key"
        } else {
            "api_key"
        };
        anyhow::ensure!(schemes == [wanted], "{asked} documents {schemes:?}");
        // A shop's key is nobody's phone, and opens nothing that only the operator may do.
        let answer = ask(
            stack,
            &method,
            &path,
            &[("Authorization", &shop)],
            Vec::new(),
        )
        .await?;
        let of_shop = ["/products/", "/stock/", "/categories/", "/rewards/"];
        let store_set_up = path.starts_with("/v1/stores/")
            && !of_shop.iter().any(|part| path.contains(part))
            && method != Method::GET;
        let of_operator = ["/v1/seal", "/v1/sources", "/v1/tasks", "/v1/webhooks-out"];
        let operators = store_set_up || of_operator.iter().any(|part| path.starts_with(part));
        if wanted != "api_key" {
            answer
                .ensure_problem(401)
                .map_err(|e| e.context(asked.clone()))?;
        } else if operators {
            answer
                .ensure_problem(403)
                .map_err(|e| e.context(asked.clone()))?;
        } else {
            anyhow::ensure!(
                ![401, 403].contains(&answer.status),
                "{asked}: {}",
                answer.status
            );
        }
    }
    Ok(())
}

/// The value of a cookie that an answer sets.
fn cookie(answer: &Answer, name: &str) -> Option<String> {
    let all = answer.headers.get_all(SET_COOKIE).iter();
    let mut pairs = all.filter_map(|value| value.to_str().ok()?.split(';').next()?.split_once('='));
    pairs
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value.to_owned())
}

const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

async fn log_in(rig: &Rig, name: &str, password: &str) -> anyhow::Result<Answer> {
    let page = ask(&rig.stack, &Method::GET, "/login", &[], Vec::new()).await?;
    let token = cookie(&page, "welkom_login").unwrap_or_default();
    let jar = format!("welkom_login={token}");
    let form = format!("csrf={token}&name={name}&password={password}");
    let headers = [FORM, ("Cookie", &jar)];
    ask(
        &rig.stack,
        &Method::POST,
        "/login",
        &headers,
        form.into_bytes(),
    )
    .await
}

/// The token that the page puts into its forms.
fn page_token(page: &Answer) -> anyhow::Result<String> {
    let at = page.body.find("name=\"csrf\"").map(|at| &page.body[at..]);
    let value = at.and_then(|rest| rest.split("value=\"").nth(1)?.split('"').next());
    value.map(str::to_owned).ok_or_else(|| {
        let start: String = page.body.chars().take(2_000).collect();
        anyhow::anyhow!("no form with a token on the page: {start}")
    })
}

async fn staff_stay_in_their_store() -> anyhow::Result<()> {
    let rig = Rig::start(Options::default()).await?;
    let stack = &rig.stack;
    let other = json!({
        "name": "Kade 8", "timezone": "Europe/Amsterdam", "opens": "09:00", "closes": "18:00",
        "quiet_from": null, "quiet_to": null, "messages_per_day_max": 2,
    });
    let _: Nothing = stack.api.put("/v1/stores/kade-8", &other).await?;
    let (login, password) = STAFF;

    let stranger = ask(stack, &Method::GET, "/staff/kade-9", &[], Vec::new()).await?;
    anyhow::ensure!(stranger.status == 303 && stranger.header("location") == "/login?store=kade-9");
    let answer = log_in(&rig, login, password).await?;
    anyhow::ensure!(answer.status == 303, "{}", answer.body);
    let session = cookie(&answer, "welkom_session").unwrap_or_default();
    let attributes = answer.headers.get_all(SET_COOKIE).iter();
    for value in attributes.filter_map(|value| value.to_str().ok()) {
        anyhow::ensure!(value.contains("HttpOnly"), "{value}");
        anyhow::ensure!(value.contains("SameSite=Lax"), "{value}");
    }
    let jar = format!("welkom_session={session}");
    let cookie = ("Cookie", jar.as_str());

    let mine = ask(stack, &Method::GET, "/staff/kade-9", &[cookie], Vec::new()).await?;
    anyhow::ensure!(mine.status == 200, "{}", mine.status);
    let token = page_token(&mine)?;
    let card = "0192f7a0-0000-7000-8000-000000000001";
    let json = ("Accept", "application/json");
    for path in ["/staff/kade-8", "/staff/kade-8/events"] {
        let answer = ask(stack, &Method::GET, path, &[cookie, json], Vec::new()).await?;
        answer
            .ensure_problem(403)
            .map_err(|e| e.context(path.to_owned()))?;
    }
    let tap = async |store: &str, form: String| {
        let path = format!("/staff/{store}/cards/{card}/take");
        let headers = [cookie, json, FORM];
        ask(stack, &Method::POST, &path, &headers, form.into_bytes()).await
    };
    tap("kade-8", format!("csrf={token}"))
        .await?
        .ensure_problem(403)?;
    tap("kade-9", "csrf=guessed".into())
        .await?
        .ensure_problem(403)?;
    let without = tap("kade-9", "code=1234".into()).await?;
    anyhow::ensure!([403, 422].contains(&without.status), "{}", without.status);
    // With the token the tap is heard: there is no such card.
    tap("kade-9", format!("csrf={token}"))
        .await?
        .ensure_problem(409)?;
    // A wrong token in a script's header is not mended by a right one in the body.
    let path = format!("/staff/kade-9/cards/{card}/take");
    let headers = [cookie, json, FORM, ("X-CSRF-Token", "guessed")];
    let body = format!("csrf={token}").into_bytes();
    let answer = ask(stack, &Method::POST, &path, &headers, body).await?;
    answer.ensure_problem(403)?;
    // The session of a colleague is no shopper's.
    let answer = ask(stack, &Method::GET, "/ik", &[cookie, json], Vec::new()).await?;
    answer.ensure_problem(403)
}

async fn log_in_slows_down() -> anyhow::Result<()> {
    let rig = Rig::start(Options::default()).await?;
    let (login, password) = STAFF;
    for _ in 0..4 {
        let answer = log_in(&rig, login, "wrong-password").await?;
        anyhow::ensure!(answer.status == 401, "{}", answer.status);
    }
    let fifth = log_in(&rig, login, "wrong-password").await?;
    anyhow::ensure!(fifth.status == 429, "{}", fifth.status);
    let right = log_in(&rig, login, password).await?;
    anyhow::ensure!(
        right.status == 429,
        "a pause for the right one too: {}",
        right.status
    );
    let other = log_in(&rig, "daan", "wrong-password").await?;
    anyhow::ensure!(other.status == 401, "{}", other.status);
    Ok(())
}

async fn works_over_tls() -> anyhow::Result<()> {
    let options = Options {
        tls: true,
        ..Options::default()
    };
    let mut rig = Rig::start(options).await?.with_gateways().await?;
    let stack = &rig.stack;
    anyhow::ensure!(stack.url().starts_with("https://"), "{}", stack.url());
    let person = e2e::person::person(stack, "tls", Consent::ALL).await?;
    let answer = log_in(&rig, STAFF.0, STAFF.1).await?;
    let session = answer.headers.get_all(SET_COOKIE).iter();
    let mut secure = session.filter_map(|value| value.to_str().ok());
    anyhow::ensure!(secure.all(|value| value.contains("Secure")));
    // Her phone advertises, the gateway tells over MQTT with TLS, a visit follows.
    let line = protocol::sim::AirLine {
        address: "c0:ff:ee:00:00:01".into(),
        rssi_dbm: -50,
        ad_hex: hex::encode(protocol::air::encode(&person.identity.frame(
            firmware_sim::phone::identity::Layout::Welkom,
            server::clock::now_ms(),
        ))),
    };
    let door = "door".parse()?;
    demo::stack::until("a visit", async || {
        rig.air.deliver(&door, &line, None);
        let audit = demo::audit::Audit::open(&rig.stack.database())?;
        Ok(audit.visits("kade-9")?.len() == 1)
    })
    .await?;
    for gateway in &mut rig.gateways {
        gateway.stop()?;
    }
    rig.stack.stop().await?;
    let warnings = rig.warnings()?;
    anyhow::ensure!(warnings.is_empty(), "{warnings:#?}");

    Ok(())
}
