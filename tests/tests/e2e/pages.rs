//! The pages in a real browser: what people see, and what their taps do.
//!
//! In: a furnished store without gateways; people come in with the page's own button or with the
//! shelf beacons that their phones hear. Out: what stands on the screens.
//! Invariant: customers, orders and links are made through the shop's API alone.

mod board;
mod boards;
mod campaigns;
mod figures;
mod fleet;
mod gateways;
mod help;
mod integrations;
mod kept;
mod keys;
mod line;
mod map;
mod notify;
mod phone;
mod pictures;
mod plain;
mod scan;
mod share;
mod shopper;

use std::time::SystemTime;

use anyhow::Context;
use demo::stack::{Options, STAFF};
use e2e::{
    browser::{Driver, Page, Reader},
    rig::Rig,
};
use firmware_sim::{
    http::Nothing,
    phone::{Consent, Phone, Platform, ears::AppSighting},
    plan::Plan,
};
use libtest_mimic::Trial;
use protocol::{CustomerId, StoreId};
use serde::Deserialize;
use serde_json::{Value, json};

pub(crate) fn tests() -> Vec<Trial> {
    let mut tests = board::tests();
    tests.extend(boards::tests());
    tests.extend(campaigns::tests());
    tests.extend(figures::tests());
    tests.extend(fleet::tests());
    tests.extend(gateways::tests());
    tests.extend(help::tests());
    tests.extend(integrations::tests());
    tests.extend(kept::tests());
    tests.extend(phone::tests());
    tests.extend(pictures::tests());
    tests.extend(plain::tests());
    tests.extend(scan::tests());
    tests.extend(share::tests());
    tests.extend(line::tests());
    tests.extend(map::tests());
    tests.extend(notify::tests());
    tests.extend(keys::tests());
    tests.extend(shopper::tests());
    tests
}

/// A store, and a driver for browsers.
struct Shop {
    rig: Rig,
    driver: Driver,
}

/// A customer of a test.
struct Person<'a> {
    given_name: &'a str,
    family_name: &'a str,
    salutation: Option<&'a str>,
}

const EVA: Person<'static> = Person {
    given_name: "Eva",
    family_name: "De Vries",
    salutation: Some("mevrouw"),
};

impl Shop {
    async fn open() -> anyhow::Result<Self> {
        Self::open_with(Options::default()).await
    }

    async fn open_with(options: Options) -> anyhow::Result<Self> {
        let driver = Driver::start()?;
        let rig = Rig::start(options).await?;
        Ok(Self { rig, driver })
    }

    async fn page(&self, reader: Reader) -> anyhow::Result<Page> {
        self.driver.open(&self.rig.stack.url(), reader).await
    }

    /// A colleague's board, after her log-in.
    async fn board(&self, reader: Reader, (login, password): (&str, &str)) -> anyhow::Result<Page> {
        let page = self.page(reader).await?;
        page.goto("/login").await?;
        log_in(&page, login, password).await?;
        page.until("location.pathname === '/staff/kade-9'").await?;
        Ok(page)
    }

    /// Lets another colleague in.
    async fn hire(&self, login: &str, name: &str) -> anyhow::Result<()> {
        self.hire_as("staff", login, name).await
    }

    async fn hire_as(&self, role: &str, login: &str, name: &str) -> anyhow::Result<()> {
        let path = format!("/v1/stores/{}/staff/{login}", self.rig.stack.store);
        let body = json!({ "name": name, "role": role, "password": STAFF.1 });
        self.rig.stack.api.put::<Nothing>(&path, &body).await?;
        Ok(())
    }

    async fn customer(&self, person: &Person<'_>) -> anyhow::Result<CustomerId> {
        #[derive(Deserialize)]
        struct Made {
            customer: CustomerId,
        }
        let Person {
            given_name,
            family_name,
            salutation,
        } = person;
        let body = json!({
            "external_id": format!("c-{given_name}"), "given_name": given_name,
            "family_name": family_name, "salutation": salutation, "language": "nl",
        });
        let Made { customer } = self.rig.stack.api.post("/v1/customers", &body).await?;
        Ok(customer)
    }

    /// Gives a customer an order that lies ready.
    async fn ready_order(
        &self,
        customer: CustomerId,
        number: &str,
        bay: &str,
        sku: &str,
    ) -> anyhow::Result<()> {
        let body = json!({
            "external_id": number, "store": self.rig.stack.store, "customer": customer,
            "lines": [{ "sku": sku, "quantity": 1 }], "state": "ready", "bay": bay, "code": "7419",
        });
        self.rig
            .stack
            .api
            .post::<Value>("/v1/orders", &body)
            .await?;
        Ok(())
    }

    /// Eva agreed to everything, has an order that lies ready, and says that she is there.
    async fn eva_waits(&self) -> anyhow::Result<CustomerId> {
        let eva = self.customer(&EVA).await?;
        self.ready_order(eva, "1042-7731", "B12", "SCHOEN-39")
            .await?;
        let app = self.app(eva).await?;
        app.set_consent(Consent::ALL, "2026-11", "nl").await?;
        let here = app.here(now_ms(), &self.rig.stack.store);
        app.send_here(&here).await?;
        Ok(eva)
    }

    /// A customer's phone with the app.
    async fn app(&self, customer: CustomerId) -> anyhow::Result<Phone> {
        #[derive(Deserialize)]
        struct Code {
            code: String,
        }
        let api = &self.rig.stack.api;
        let path = format!("/v1/customers/{customer}/enrolments");
        let Code { code } = api.post(&path, &json!({})).await?;
        let enrolled = Phone::enrol(api, &code, Platform::Ios, now_ms).await?;
        Ok(enrolled.phone)
    }

    /// What a customer did online yesterday.
    async fn wish(&self, customer: CustomerId, sku: &str) -> anyhow::Result<()> {
        let path = format!("/v1/customers/{customer}/intents");
        let at_ms = now_ms() - 86_400_000;
        let body = json!({ "kind": "wishlisted", "sku": sku, "at_ms": at_ms });
        self.rig.stack.api.post::<Value>(&path, &body).await?;
        Ok(())
    }

    /// Somebody stands in a zone with her phone.
    async fn stand_at(&self, phone: &Phone, zone: &str) -> anyhow::Result<()> {
        report(&self.rig.stack.store, phone, zone).await
    }

    /// Opens a customer's own page with the link that the shop sends her.
    async fn phone(&self, reader: Reader, customer: CustomerId) -> anyhow::Result<Page> {
        #[derive(Deserialize)]
        struct Link {
            path: String,
        }
        let path = format!("/v1/customers/{customer}/page-links");
        let Link { path } = self.rig.stack.api.post(&path, &json!({})).await?;
        let page = self.page(reader).await?;
        page.goto(&path).await?;
        page.until("location.pathname === '/ik'").await?;
        Ok(page)
    }
}

async fn log_in(page: &Page, login: &str, password: &str) -> anyhow::Result<()> {
    page.type_into("#name", login).await?;
    page.type_into("#password", password).await?;
    page.click("button[type=submit]").await
}

/// A phone has heard a zone's shelf beacon for the last seconds, from two metres.
async fn report(store: &StoreId, phone: &Phone, zone: &str) -> anyhow::Result<()> {
    report_all(store, phone, &[(zone, -70)]).await
}

/// A phone has heard the shelf beacons of some zones for the last seconds.
async fn report_all(store: &StoreId, phone: &Phone, zones: &[(&str, i8)]) -> anyhow::Result<()> {
    let (plan, now_ms) = (Plan::kade_9(), now_ms());
    let mut heard = Vec::new();
    for (zone, rssi_dbm) in zones {
        let beacon = plan.beacons().find(|(a, _)| a.zone.as_str() == *zone);
        let (_, frame) = beacon.with_context(|| format!("no beacon in {zone}"))?;
        let beacon = frame.transmitter().context("a beacon that names nobody")?;
        heard.extend((1..=5).map(|seconds_ago| AppSighting {
            beacon,
            heard_first_ms: now_ms - seconds_ago * 1_000 - 900,
            heard_last_ms: now_ms - seconds_ago * 1_000,
            count: 9,
            rssi_dbm_median: *rssi_dbm,
        }));
    }
    heard.sort_by_key(|seen| seen.heard_last_ms);
    let report = phone.report(now_ms, store, &heard);
    let reported = phone.send_report(&report).await?;
    anyhow::ensure!(reported.ignored == 0, "{reported:?}");
    Ok(())
}

#[expect(clippy::cast_possible_truncation, reason = "milliseconds since 1970")]
fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_millis() as u64
}

/// Turns one of her switches on or off.
async fn choose(phone: &Page, purpose: &str, choice: &str) -> anyhow::Result<()> {
    let option = format!("#c-{purpose} label:has([value={choice}])");
    phone.click(&option).await
}
