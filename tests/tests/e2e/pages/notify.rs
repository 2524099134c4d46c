//! Notifications in a browser: the button, and the worker that shows them.

use anyhow::Context;
use demo::{
    audit::Audit,
    stack::{STAFF, until},
};
use e2e::{
    browser::{self, Reader},
    harness::{Tool, test},
};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::{EVA, Shop, choose, log_in, now_ms, pictures};
use crate::push::{self, PushService};

pub(super) fn tests() -> Vec<Trial> {
    vec![
        test(
            "a_browser_shows_a_notification_with_our_words_and_says_so",
            &[Tool::Chromium],
            notified,
        ),
        test(
            "a_colleague_has_her_browser_told_of_a_customer_and_of_who_goes_until_she_says_stop",
            &[Tool::Chromium],
            colleague_told,
        ),
    ]
}

async fn notified() -> anyhow::Result<()> {
    let shop = Shop::open_with(push::options()).await?;
    let eva = shop.customer(&EVA).await?;
    let app = shop.app(eva).await?;
    let page = shop.phone(Reader::default(), eva).await?;
    page.until_says("#notify", "Meldingen op dit toestel")
        .await?;
    let (folder, keep) = pictures::folder(&shop)?;
    if keep && !browser::on_screen() {
        let png = page.picture(390, false).await?;
        std::fs::write(folder.join("notify-390-nl-light.png"), png)?;
    }
    let origin = page.value("location.origin").await?;
    page.value("navigator.serviceWorker.ready.then(() => { window.worker_ready = true; })")
        .await?;
    page.until("window.worker_ready === true").await?;
    // What the server gives as its key is one that a browser takes.
    page.value(
        "(() => { const key = document.querySelector('#notify').dataset.key; \
           window.key_len = atob(key.replaceAll('-', '+').replaceAll('_', '/')).length; })()",
    )
    .await?;
    anyhow::ensure!(
        page.value("window.key_len").await? == 65,
        "no key of 65 bytes"
    );

    for purpose in ["messages", "browsing"] {
        choose(&page, purpose, "yes").await?;
        page.until_says("#choices-said", "staat aan").await?;
    }
    shop.wish(eva, "SCHOEN-39").await?;
    shop.stand_at(&app, "schoenen").await?;
    page.until_says("#berichten article", "Wandelschoen 39")
        .await?;
    let database = shop.rig.stack.database();
    let delivery = Audit::open(&database)?.text(
        "SELECT substr(h, 1, 8) || '-' || substr(h, 9, 4) || '-' || substr(h, 13, 4) || '-' || \
           substr(h, 17, 4) || '-' || substr(h, 21) \
         FROM (SELECT lower(hex(delivery)) AS h FROM deliveries)",
    )?;

    let granted = json!({ "origin": origin, "permissions": ["notifications"] });
    page.devtools("Browser.grantPermissions", granted).await?;
    page.devtools("ServiceWorker.enable", json!({})).await?;
    let message = json!({
        "delivery": delivery, "class": "marketing", "title": "Dit staat hier",
        "body": "Wandelschoen 39: Schoenen, rek 4.", "expires_ms": now_ms() + 60_000,
    });
    // A profile of its own: its first registration has the first number.
    let push = json!({
        "origin": origin, "registrationId": "0", "data": message.to_string(),
    });
    let shown = "(async () => { const worker = await navigator.serviceWorker.ready; \
         window.shown = (await worker.getNotifications()).map(n => \
           ({ title: n.title, body: n.body, tag: n.tag, url: n.data.url })); })()";
    // It is pushed until it shows, and once more: its tag keeps it one.
    let mut shown_times = 0;
    until("the notification", async || {
        page.devtools("ServiceWorker.deliverPushMessage", push.clone())
            .await?;
        page.value(shown).await?;
        let all = page.value("window.shown").await?;
        shown_times += u32::from(all.as_array().is_some_and(|all| !all.is_empty()));
        Ok(shown_times == 2)
    })
    .await?;
    let shown = page.value("window.shown").await?;
    let expected = json!([{
        "title": "Dit staat hier", "body": "Wandelschoen 39: Schoenen, rek 4.", "tag": delivery,
        "url": "/ik",
    }]);
    anyhow::ensure!(shown == expected, "{shown}");
    if keep && browser::on_screen() {
        browser::picture_of_screen(&folder.join("notification-desktop-nl.png"))?;
    }
    let path = format!("/v1/stores/{}/funnel", shop.rig.stack.store);
    if browser::on_screen() {
        browser::tap_notification()?;
        until("the worker to say that it was opened", async || {
            let funnel: Value = shop.rig.stack.api.get(&path).await.context("ask")?;
            Ok(funnel["opened"] == 1)
        })
        .await?;
    }
    until("the worker to say so", async || {
        let funnel: Value = shop.rig.stack.api.get(&path).await.context("ask")?;
        Ok(funnel["displayed"] == 1)
    })
    .await?;

    // What the page and the worker say counts with the session's own token alone.
    let opened = format!("/ik/meldingen/{delivery}/opened");
    let subscription = json!({
        "endpoint": "http://127.0.0.1:1/eva", "auth": "BTBZMqHH6r4Tts7J_aSIgg",
        "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
    });
    for (path, body, token, status) in [
        (opened.as_str(), json!({}), "''", 403),
        ("/ik/meldingen", subscription.clone(), "''", 403),
        (
            &opened,
            json!({}),
            "document.querySelector('#notify').dataset.csrf",
            204,
        ),
        (
            "/ik/meldingen",
            subscription,
            "document.querySelector('#notify').dataset.csrf",
            204,
        ),
    ] {
        page.value(&format!(
            "(() => {{ window.status_of = null; fetch('{path}', {{ method: 'POST', \
               headers: {{ 'Content-Type': 'application/json', 'X-CSRF-Token': {token} }}, \
               body: JSON.stringify({body}) }}).then(a => {{ window.status_of = a.status; }}); }})()"
        ))
        .await?;
        page.until(&format!("window.status_of === {status}"))
            .await?;
    }
    let funnel: Value = shop.rig.stack.api.get(&path).await?;
    anyhow::ensure!(funnel["opened"] == 1, "{funnel}");
    let addresses = "SELECT count(*) FROM push_addresses";
    anyhow::ensure!(Audit::open(&database)?.number(addresses)? == 1);

    // No push service can be reached from here: she is told, and nothing is pretended.
    page.click("#notify").await?;
    page.until_says("#notify-said", "Dat lukte niet").await?;
    anyhow::ensure!(
        page.value("document.querySelector('#notify').ariaPressed")
            .await?
            == "false"
    );
    Ok(())
}

/// A browser that reaches its push service: the stand-in at `endpoint`. Keys are those of RFC 8291,
/// appendix A.
fn with_push_service(endpoint: &str) -> String {
    format!(
        "const subscription = {{ endpoint: {endpoint:?}, unsubscribe: async () => true, \
           toJSON: () => ({{ endpoint: {endpoint:?}, keys: {{ auth: 'BTBZMqHH6r4Tts7J_aSIgg', \
           p256dh: 'BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4' }} }}) }}; \
         let subscribed = null; \
         PushManager.prototype.getSubscription = async () => subscribed; \
         PushManager.prototype.subscribe = async (wish) => {{ window.wish = wish; return (subscribed = subscription); }};"
    )
}

async fn colleague_told() -> anyhow::Result<()> {
    let shop = Shop::open_with(push::options()).await?;
    let (service, endpoint) = PushService::start().await?;
    let board = shop.page(Reader::default()).await?;
    let source = json!({ "source": with_push_service(&endpoint) });
    board
        .devtools("Page.addScriptToEvaluateOnNewDocument", source)
        .await?;
    board.goto("/login").await?;
    let origin = board.value("location.origin").await?;
    let permission = json!({ "origin": origin, "permissions": ["notifications"] });
    board
        .devtools("Browser.grantPermissions", permission)
        .await?;
    log_in(&board, STAFF.0, STAFF.1).await?;
    board.until("location.pathname === '/staff/kade-9'").await?;
    board
        .until_says("#push", "Meld nieuwe klanten op deze telefoon")
        .await?;
    board.click("#push").await?;
    board
        .until_says("#push-said", "zolang je dienst open is")
        .await?;
    anyhow::ensure!(
        board.value("window.wish.userVisibleOnly && window.wish.applicationServerKey === document.querySelector('#push').dataset.key").await? == true
    );
    let known = "SELECT count(*) FROM staff_addresses";
    anyhow::ensure!(Audit::open(&shop.rig.stack.database())?.number(known)? == 1);

    // One customer, one call; and one word more once somebody goes.
    shop.eva_waits().await?;
    until("the push service to be told of her", async || {
        Ok(service.heads().len() == 1)
    })
    .await?;
    let head = service.heads()[0].to_lowercase();
    for line in [
        "post /for/anna http/1.1",
        "\r\ncontent-encoding: aes128gcm",
        "\r\nauthorization: vapid t=",
    ] {
        anyhow::ensure!(head.contains(line), "{line:?} is not in {head}");
    }
    board.click("[data-do=take]").await?;
    until(
        "the push service to be told that she is helped",
        async || Ok(service.heads().len() == 2),
    )
    .await?;

    // The button takes it back, here and at the server.
    board.click("#push").await?;
    board.until_says("#push-said", "meldt niets meer").await?;
    anyhow::ensure!(Audit::open(&shop.rig.stack.database())?.number(known)? == 0);
    board
        .until("document.querySelector('#push').ariaPressed === 'false'")
        .await?;
    let warnings = shop.rig.warnings()?;
    anyhow::ensure!(warnings.is_empty(), "{warnings:#?}");
    Ok(())
}
