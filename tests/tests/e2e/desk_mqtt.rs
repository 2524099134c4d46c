//! Pagers and displays: a real MQTT client hears of the desk, and of nothing else.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::Context;
use demo::stack::{Options, Stack, until};
use e2e::{
    ask::ask,
    harness::test,
    person::{MESSAGES, person},
    rig::Rig,
};
use firmware_sim::http::Nothing;
use libtest_mimic::Trial;
use protocol::{
    OrderId,
    desk::{DeskEvent, DeskState, DeskTold},
};
use reqwest::Method;
use rumqttc::v5::{
    AsyncClient, Event, MqttOptions,
    mqttbytes::{QoS, v5::Packet},
};
use serde::Deserialize;
use serde_json::json;
use server::clock::now_ms;
use tokio::task::JoinHandle;

pub(crate) fn tests() -> Vec<Trial> {
    vec![test(
        "a_display_hears_of_the_desk_over_mqtt_and_of_nothing_else",
        &[],
        heard,
    )]
}

const DESK: &str = "welkom/v1/stores/kade-9/desk";
const STATE: &str = "welkom/v1/stores/kade-9/desk/state";

#[derive(Deserialize)]
struct Login {
    mqtt_username: String,
    mqtt_password: String,
    mqtt_client_id: String,
    mqtt_host: String,
    mqtt_port: u16,
    topics: [String; 2],
}

/// What a client was told.
#[derive(Default)]
struct Ears {
    /// Topic, whether it was retained, payload.
    heard: Vec<(String, bool, Vec<u8>)>,
    /// What each subscription got.
    granted: Vec<bool>,
    /// The line ended.
    refused: bool,
}

/// A client that keeps all that it hears.
struct Display {
    client: AsyncClient,
    ears: Arc<Mutex<Ears>>,
    task: JoinHandle<()>,
}

impl Display {
    fn connect(login: &Login) -> Self {
        let mut options =
            MqttOptions::new(&login.mqtt_client_id, &login.mqtt_host, login.mqtt_port);
        options
            .set_credentials(&login.mqtt_username, &login.mqtt_password)
            .set_keep_alive(Duration::from_secs(10));
        let (client, mut events) = AsyncClient::new(options, 16);
        let ears = Arc::<Mutex<Ears>>::default();
        let of = ears.clone();
        let task = tokio::spawn(async move {
            loop {
                let event = events.poll().await;
                let mut ears = of.lock().unwrap_or_else(PoisonError::into_inner);
                match event {
                    Ok(Event::Incoming(Packet::Publish(publish))) => {
                        let topic = String::from_utf8_lossy(&publish.topic).into_owned();
                        ears.heard
                            .push((topic, publish.retain, publish.payload.to_vec()));
                    }
                    Ok(Event::Incoming(Packet::SubAck(ack))) => {
                        let all = ack.return_codes.iter().map(|code| format!("{code:?}"));
                        ears.granted
                            .extend(all.map(|code| code.starts_with("Success")));
                    }
                    Ok(_) => {}
                    Err(_) => {
                        ears.refused = true;
                        return;
                    }
                }
            }
        });
        Self { client, ears, task }
    }

    fn ears(&self) -> MutexGuard<'_, Ears> {
        self.ears.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn may_read(&self, filter: &str) -> anyhow::Result<bool> {
        let before = self.ears().granted.len();
        self.client.subscribe(filter, QoS::AtLeastOnce).await?;
        until("an answer to a subscription", async || {
            Ok(self.ears().granted.len() > before)
        })
        .await?;
        self.ears().granted.last().copied().context("no answer")
    }

    fn told(&self) -> anyhow::Result<Vec<DeskTold>> {
        let ears = self.ears();
        let events = ears.heard.iter().filter(|(topic, ..)| topic == DESK);
        Ok(events
            .map(|(.., payload)| serde_json::from_slice(payload))
            .collect::<Result<_, _>>()?)
    }

    fn state(&self) -> anyhow::Result<Option<(bool, DeskState)>> {
        let ears = self.ears();
        let last = ears.heard.iter().rfind(|(topic, ..)| topic == STATE);
        last.map(|(_, retained, payload)| Ok((*retained, serde_json::from_slice(payload)?)))
            .transpose()
    }

    async fn hears(&self, events: &[DeskEvent]) -> anyhow::Result<()> {
        until(&format!("{events:?}"), async || {
            let told: Vec<DeskEvent> = self.told()?.iter().map(|told| told.event).collect();
            Ok(told == events)
        })
        .await
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn login(stack: &Stack) -> anyhow::Result<Login> {
    let path = format!("/v1/stores/{}/displays", stack.store);
    let body = json!({ "display": "counter" });
    Ok(stack.api.post(&path, &body).await?)
}

async fn heard() -> anyhow::Result<()> {
    let options = Options {
        more_toml: "[desk]\nmqtt = true\n".into(),
        ..Options::default()
    };
    let mut rig = Rig::start(options).await?;
    let stack = &rig.stack;
    let login = login(stack).await?;
    anyhow::ensure!(login.topics == [DESK, STATE], "{:?}", login.topics);
    let display = Display::connect(&login);
    for filter in [
        "#",
        "welkom/v1/stores/+/desk",
        "welkom/v1/stores/kade-9/#",
        "welkom/v1/stores/kade-8/desk",
        "welkom/v1/stores/kade-9/gateways/door/sightings",
        "welkom/v1/stores/kade-9/gateways/+/status",
    ] {
        anyhow::ensure!(!display.may_read(filter).await?, "{filter} was granted");
    }
    for filter in [DESK, STATE] {
        anyhow::ensure!(display.may_read(filter).await?, "{filter} was refused");
    }
    // Nobody waits.
    until("how the desk stands", async || {
        Ok(display.state()?.is_some())
    })
    .await?;
    let (_, state) = display.state()?.context("no state")?;
    anyhow::ensure!(
        state.queue.waiting == 0 && state.queue.waiting_longest_ms.is_none(),
        "{state:?}"
    );

    let anna = person(stack, "anna", MESSAGES).await?;
    #[derive(Deserialize)]
    struct Made {
        order: OrderId,
    }
    let body = json!({
        "external_id": "1042-1", "store": stack.store, "customer": anna.customer, "state": "ready",
        "bay": "B12", "code": "1111", "lines": [{"sku": "LAMP-BOOG", "quantity": 1}],
    });
    let Made { order } = stack.api.post("/v1/orders", &body).await?;
    let here = anna.phone.here(now_ms(), &stack.store);
    anna.phone.send_here(&here).await?;
    display.hears(&[DeskEvent::Arrived]).await?;
    let told = &display.told()?[0];
    anyhow::ensure!(
        told.bay.as_deref() == Some("B12")
            && told.queue.waiting == 1
            && told.queue.nobody_goes == 1,
        "{told:?}"
    );
    anyhow::ensure!(
        told.queue.waiting_longest_ms.is_some_and(|ms| ms < 30_000),
        "{told:?}"
    );
    until("the state to follow", async || {
        Ok(display
            .state()?
            .is_some_and(|(_, state)| state.queue.waiting == 1))
    })
    .await?;

    // The till hands it over: it is over for her.
    let path = format!("/v1/orders/{order}/state");
    let body = json!({ "state": "completed" });
    stack.api.put::<Nothing>(&path, &body).await?;
    display
        .hears(&[DeskEvent::Arrived, DeskEvent::HandedOver])
        .await?;
    until("the state to follow", async || {
        Ok(display
            .state()?
            .is_some_and(|(_, state)| state.queue.waiting == 0))
    })
    .await?;
    let heard = display.ears().heard.clone();
    for (topic, _, payload) in heard {
        let text = String::from_utf8(payload)?;
        anyhow::ensure!([DESK, STATE].contains(&topic.as_str()), "{topic}");
        for secret in ["anna", "Anna", "1042-1", "1111"] {
            anyhow::ensure!(!text.contains(secret), "{secret} is in {text}");
        }
    }

    // What it writes goes nowhere, and once it is out it stays out.
    display
        .client
        .publish(STATE, QoS::AtLeastOnce, true, "{}")
        .await?;
    drop(display);
    let bearer = format!("Bearer {}", stack.api_key);
    let path = format!("/v1/stores/{}/displays/counter", stack.store);
    let headers = [("Authorization", bearer.as_str())];
    let gone = ask(stack, &Method::DELETE, &path, &headers, Vec::new()).await?;
    anyhow::ensure!(gone.status == 204, "{}", gone.body);
    let again = Display::connect(&login);
    until("the broker to refuse it", async || Ok(again.ears().refused)).await?;
    let newly = self::login(stack).await?;
    let display = Display::connect(&newly);
    anyhow::ensure!(display.may_read(STATE).await?);
    until("the retained state", async || {
        Ok(display.state()?.is_some())
    })
    .await?;
    let (retained, state) = display.state()?.context("no state")?;
    anyhow::ensure!(retained && state.queue.waiting == 0, "{state:?}");
    rig.stack.stop().await
}
