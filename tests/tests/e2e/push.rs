//! A phone that sleeps: it registers, is woken through a push service, and says what it showed.
//! And a receiver of the shop's own, which hears of a visit.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use demo::{
    audit::Audit,
    stack::{Options, until},
};
use e2e::{
    ask::ask,
    hand::{Hand, Run},
    harness::test,
    person::{MESSAGES, person},
    rig::Rig,
};
use firmware_sim::http::Nothing;
use libtest_mimic::Trial;
use protocol::DeliveryId;
use reqwest::Method;
use serde_json::{Value, json};
use server::clock::now_ms;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test(
            "a_sleeping_phone_is_woken_once_and_the_shop_sees_how_far_messages_got",
            &[],
            woken,
        ),
        test(
            "a_webhook_is_told_of_a_visit_and_again_when_somebody_asks",
            &[],
            told,
        ),
    ]
}

/// The heads of the requests that a push service got; it takes everything.
#[derive(Clone, Default)]
pub(crate) struct PushService(Arc<Mutex<Vec<String>>>);

impl PushService {
    pub(crate) async fn start() -> anyhow::Result<(Self, String)> {
        let this = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/for/anna", listener.local_addr()?);
        let heard = this.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut bytes = Vec::new();
                // One body is far longer than one head: what is cut off matters to nobody here.
                while !bytes.windows(4).any(|w| w == b"\r\n\r\n") {
                    if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                        break;
                    }
                }
                let head = String::from_utf8_lossy(&bytes).into_owned();
                heard.keep(head);
                let yes = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                // The server may have gone.
                let _ = stream.write_all(yes).await;
                let _ = stream.read_to_end(&mut bytes).await;
            }
        });
        Ok((this, url))
    }

    fn keep(&self, head: String) {
        let mut heads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        heads.push(head);
    }

    pub(crate) fn heads(&self) -> Vec<String> {
        let heads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        heads.clone()
    }
}

/// Web Push, with a push service on this machine.
pub(crate) fn options() -> Options {
    Options {
        more_toml: "[push.web]\nsubject = \"mailto:beheer@kade9.example\"\n\
                    [outgoing]\nprivate_addresses = true\n"
            .into(),
        ..Options::default()
    }
}

async fn woken() -> anyhow::Result<()> {
    let mut rig = Rig::start(options()).await?;
    let stack = &rig.stack;
    let (service, endpoint) = PushService::start().await?;
    let anna = person(stack, "anna", MESSAGES).await?;
    anna.did_online(stack, "carted", "SJAAL-ROOD").await?;
    let phone = &anna.phone;
    // The example of RFC 8291, appendix A.
    let subscription = json!({
        "endpoint": endpoint, "auth": "BTBZMqHH6r4Tts7J_aSIgg",
        "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
    });
    let wake = phone.push(
        now_ms(),
        &json!({ "kind": "web_push", "subscription": subscription }),
    );
    phone.send_setting(&wake).await?;
    let again = phone.send_setting(&wake).await;
    anyhow::ensure!(again.is_err(), "the same signature served twice");
    let fcm = phone.push(now_ms(), &json!({ "kind": "fcm", "token": "t" }));
    anyhow::ensure!(
        phone.send_setting(&fcm).await.is_err(),
        "a provider that is not there"
    );
    let order = phone.channels(now_ms(), &["web_push", "in_app"]);
    phone.send_setting(&order).await?;

    let door = &rig.credentials[0];
    let mut hand = Hand::connect(&stack.store, door).await?;
    let mut run = Run::new(&stack.store, &door.gateway);
    hand.stands(&mut run, &[&anna], &"door".parse()?).await?;
    let accepted = "SELECT count(*) FROM pushes WHERE state = 'accepted'";
    until("the push service to take it", async || {
        Ok(Audit::open(&stack.database())?.number(accepted)? == 1)
    })
    .await?;
    let heads = service.heads();
    anyhow::ensure!(heads.len() == 1, "{heads:?}");
    let head = heads[0].to_lowercase();
    for line in [
        "post /for/anna http/1.1",
        "\r\nttl: 1",
        "\r\nauthorization: vapid t=",
    ] {
        anyhow::ensure!(head.contains(line), "{line:?} is not in {head}");
    }

    let path = format!("/v1/stores/{}/funnel", stack.store);
    let funnel: Value = stack.api.get(&path).await?;
    let counts = |displayed, opened| json!({ "decided": 1, "sent": 1, "accepted": 1, "displayed": displayed, "opened": opened });
    anyhow::ensure!(funnel == counts(0, 0), "{funnel}");
    let delivery =
        Audit::open(&stack.database())?.text("SELECT lower(hex(delivery)) FROM deliveries")?;
    let delivery: DeliveryId = delivery.parse().context("read the message's id")?;
    phone.displayed(delivery).await?;
    phone.opened(delivery).await?;
    let campaign = "019a0000-0000-7000-8000-000000000001";
    let funnel: Value = stack
        .api
        .get(&format!("{path}?campaign={campaign}"))
        .await?;
    anyhow::ensure!(funnel == counts(1, 1), "{funnel}");
    let other = "019a0000-0000-7000-8000-000000000002";
    let funnel: Value = stack.api.get(&format!("{path}?campaign={other}")).await?;
    anyhow::ensure!(funnel["decided"] == 0, "{funnel}");
    let server: Value = stack.api.get("/v1/server").await?;
    anyhow::ensure!(server["alarms"] == json!([]), "{server}");

    phone.send_setting(&phone.no_push(now_ms())).await?;
    let left = "SELECT count(*) FROM push_addresses";
    anyhow::ensure!(Audit::open(&stack.database())?.number(left)? == 0);
    rig.stack.stop().await
}

async fn told() -> anyhow::Result<()> {
    let mut rig = Rig::start(options()).await?;
    let stack = &rig.stack;
    let (receiver, url) = PushService::start().await?;
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let path = "/v1/webhooks-out/till";
    for (url, secret, events) in [
        ("ftp://kade9.example/", secret, json!(["visit.entered"])),
        (&url, "whsec_short", json!(["visit.entered"])),
        (&url, secret, json!(["visit.dreamt"])),
    ] {
        let body = json!({ "url": url, "secret": secret, "events": events });
        let put = stack.api.put::<Nothing>(path, &body).await;
        anyhow::ensure!(put.is_err_and(|e| e.status() == Some(422)), "{body}");
    }
    let body = json!({ "url": url, "secret": secret, "events": ["visit.entered"] });
    stack.api.put::<Nothing>(path, &body).await?;
    let all: Value = stack.api.get("/v1/webhooks-out").await?;
    let view = json!({ "name": "till", "url": url, "events": ["visit.entered"], "gone_ms": null });
    anyhow::ensure!(all == json!([view]), "{all}");

    let anna = person(stack, "anna", MESSAGES).await?;
    let door = &rig.credentials[0];
    let mut hand = Hand::connect(&stack.store, door).await?;
    let mut run = Run::new(&stack.store, &door.gateway);
    hand.stands(&mut run, &[&anna], &"door".parse()?).await?;
    let deliveries = format!("{path}/deliveries");
    let delivered = async |times: usize| {
        let page: Value = stack.api.get(&deliveries).await?;
        let all = page["items"].as_array().context("no list")?;
        let done = all.iter().all(|item| item["state"] == "delivered");
        Ok(all.len() == 1 && done && receiver.heads().len() == times)
    };
    until("the receiver to hear of her", async || delivered(1).await).await?;
    let head = receiver.heads()[0].to_lowercase();
    for line in [
        "webhook-id: msg_",
        "webhook-timestamp: ",
        "webhook-signature: v1,",
    ] {
        anyhow::ensure!(head.contains(line), "{line:?} is not in {head}");
    }
    let page: Value = stack.api.get(&deliveries).await?;
    let message = page["items"][0]["message"].as_str().context("no id")?;
    let replay = format!("{deliveries}/{message}/replay");
    stack.api.post::<Nothing>(&replay, &json!({})).await?;
    until("the receiver to hear it again", async || delivered(2).await).await?;

    let bearer = format!("Bearer {}", stack.api_key);
    let headers = [("Authorization", bearer.as_str())];
    let gone = ask(stack, &Method::DELETE, path, &headers, Vec::new()).await?;
    anyhow::ensure!(gone.status == 204, "{}", gone.body);
    let left = "SELECT count(*) FROM webhook_messages";
    anyhow::ensure!(Audit::open(&stack.database())?.number(left)? == 0);
    rig.stack.stop().await
}
