//! One shopper with her phone, set up through the public API.
//!
//! In: a name and her switches. Out: her ids, her phone, what she sounds like on the air.
//! Invariant: what she did online is sent after her consent, as a shop would.

use anyhow::Context;
use demo::stack::Stack;
use firmware_sim::{
    http::Nothing,
    phone::{Consent, Enrolled, Phone, Platform, identity::Identity},
};
use protocol::{AnchorId, CustomerId, Transmitter, message::Sighting};
use serde::Deserialize;
use serde_json::json;
use server::clock::now_ms;

/// The words that she agreed to.
pub const CONSENT_TEXT: &str = "2026-11";

/// Everything but statistics.
pub const MESSAGES: Consent = Consent {
    arrival: true,
    messages: true,
    browsing: true,
    statistics: false,
};

/// A shopper.
pub struct Person {
    /// The server's id.
    pub customer: CustomerId,
    /// Her phone.
    pub phone: Phone,
    /// What it advertises with.
    pub identity: Identity,
}

/// Makes a customer, enrols her phone and sets her switches.
pub async fn person(stack: &Stack, name: &str, consent: Consent) -> anyhow::Result<Person> {
    #[derive(Deserialize)]
    struct Made {
        customer: CustomerId,
    }
    #[derive(Deserialize)]
    struct Code {
        code: String,
    }
    let body = json!({
        "external_id": name, "given_name": "Anna", "family_name": "de Vries",
        "salutation": null, "language": "nl",
    });
    let Made { customer } = stack.api.post("/v1/customers", &body).await?;
    let path = format!("/v1/customers/{customer}/enrolments");
    let Code { code } = stack.api.post(&path, &json!({})).await?;
    let Enrolled {
        phone, identity, ..
    } = Phone::enrol(&stack.api, &code, Platform::Android, now_ms)
        .await
        .context("enrol a phone")?;
    if consent != Consent::NONE {
        phone.set_consent(consent, CONSENT_TEXT, "nl").await?;
    }
    Ok(Person {
        customer,
        phone,
        identity,
    })
}

/// Everybody agreed, and had her phone, an hour before: what was heard before a yes is not used, and
/// a gateway knows the server's time no better than a busy machine answers. The server must be down.
pub fn agreed_an_hour_ago(stack: &Stack) -> anyhow::Result<()> {
    let db = rusqlite::Connection::open(stack.database())?;
    db.execute_batch(
        "UPDATE consent_ledger SET at_ms = at_ms - 3600000;
         UPDATE radios SET valid_from_ms = valid_from_ms - 3600000;",
    )?;
    Ok(())
}

impl Person {
    /// She did this online a minute ago.
    pub async fn did_online(&self, stack: &Stack, kind: &str, sku: &str) -> anyhow::Result<()> {
        let path = format!("/v1/customers/{}/intents", self.customer);
        let body = json!({"kind": kind, "sku": sku, "at_ms": now_ms() - 60_000});
        let _: Nothing = stack.api.post(&path, &body).await?;
        Ok(())
    }

    /// What an antenna had of her phone, close by, at this moment of the server's time.
    pub fn seen_at(&self, anchor: &AnchorId, server_ms: u64) -> Sighting {
        Sighting {
            anchor: anchor.clone(),
            transmitter: Transmitter::Eid(self.identity.eid(server_ms)),
            heard_first_mono_ms: server_ms - 500,
            heard_last_mono_ms: server_ms,
            count: 3,
            rssi_dbm_median: -50,
        }
    }
}
