//! Where a phone that sleeps can be woken, and in which order.
//!
//! In: bodies that the device signed. Out: an address that `deliver::push` sends to.
//! Invariant: an address is only taken for a provider that there is, and a browser's only if the
//! server may send there.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL};
use garde::Validate;
use protocol::{CustomerId, DeviceId};
use serde::Deserialize;
use utoipa::ToSchema;

use super::signed::{first_use, signed};
use crate::{
    api::{
        App,
        access::Phone,
        problem::{Problem, Raw},
    },
    deliver::{
        outgoing,
        web_push::{AUTH_LEN, PUBLIC_LEN},
    },
    store::push::{self, Address, Channel, Kind},
};

/// Characters of a token, or of an endpoint, at most.
const ADDRESS_LEN_MAX: usize = 2_048;

/// Where this device can be woken.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, tag = "kind", rename_all = "snake_case")]
pub enum PushBody {
    /// Through Firebase Cloud Messaging.
    Fcm {
        /// The registration token.
        token: String,
    },
    /// Through Apple.
    Apns {
        /// The device token, in hexadecimal.
        token: String,
    },
    /// Through a browser's push service.
    WebPush {
        /// What `pushManager.subscribe` gave.
        subscription: Subscription,
    },
}

/// A browser's subscription.
#[derive(Debug, Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Subscription {
    /// Where its push service takes messages for it.
    endpoint: String,
    /// Its public key (RFC 8291, section 3), in base64url.
    p256dh: String,
    /// Its secret, in base64url.
    auth: String,
}

impl PushBody {
    fn address(self) -> Result<Address, Problem> {
        let (kind, address) = match self {
            Self::WebPush { subscription } => return subscription.address(),
            Self::Fcm { token } => (Kind::Fcm, token),
            Self::Apns { token } => (Kind::Apns, token),
        };
        // Apple's stands in the path of an address.
        let is_token = match kind {
            Kind::Apns => address.bytes().all(|b| b.is_ascii_hexdigit()),
            _ => address.bytes().all(|b| b.is_ascii_graphic()),
        };
        if address.is_empty() || address.len() > ADDRESS_LEN_MAX || !is_token {
            return Err(Problem::invalid("token: not one of this kind"));
        }
        Ok(Address {
            kind,
            address,
            keys: None,
        })
    }
}

impl Subscription {
    /// Where it can be reached, if it is one.
    pub(crate) fn address(self) -> Result<Address, Problem> {
        let bytes = |text: &str, len: usize, name: &str| {
            let bytes = BASE64URL.decode(text.trim_end_matches('=')).ok();
            let wrong = || Problem::invalid(format!("{name}: {len} bytes in base64url"));
            bytes.filter(|bytes| bytes.len() == len).ok_or_else(wrong)
        };
        let keys = (
            bytes(&self.p256dh, PUBLIC_LEN, "p256dh")?,
            bytes(&self.auth, AUTH_LEN, "auth")?,
        );
        if self.endpoint.len() > ADDRESS_LEN_MAX {
            return Err(Problem::invalid("endpoint: too long"));
        }
        Ok(Address {
            kind: Kind::WebPush,
            address: self.endpoint,
            keys: Some(keys),
        })
    }
}

/// Registers an address, from an app or from her page.
pub(crate) async fn take(
    app: &App,
    customer: CustomerId,
    device: Option<DeviceId>,
    body: PushBody,
    signature: Option<[u8; 32]>,
) -> Result<(), Problem> {
    let to = body.address()?;
    if !app.providers.kinds().contains(&to.kind) {
        return Err(Problem::not_found("this server sends nothing that way"));
    }
    if to.kind == Kind::WebPush {
        outgoing::check(&to.address, app.private_addresses)
            .map_err(|refused| Problem::invalid(format!("endpoint: {refused}")))?;
    }
    app.pipeline
        .write(move |txn| {
            if let Some(signature) = &signature {
                first_use(txn, signature)?;
            }
            push::register(txn.db, txn.now_ms, customer, device, &to)
        })
        .await?;
    Ok(())
}

/// Says where this device can be woken; what it said before is forgotten.
#[utoipa::path(put, path = "/v1/app/push", tag = "app", request_body = PushBody,
    responses((status = 204), (status = "default", body = Problem)))]
pub(in crate::api) async fn put_push(
    phone: Phone,
    State(app): State<App>,
    headers: HeaderMap,
    Raw(body): Raw,
) -> Result<StatusCode, Problem> {
    let (body, signature) = signed(&phone, &headers, &body)?;
    let (customer, device) = (phone.customer, Some(phone.device));
    take(&app, customer, device, body, Some(signature)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Nothing.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Empty {}

/// Wakes this device no more. The body is `{}`, signed.
#[utoipa::path(delete, path = "/v1/app/push", tag = "app", request_body = Empty,
    responses((status = 204), (status = "default", body = Problem)))]
pub(in crate::api) async fn delete_push(
    phone: Phone,
    State(app): State<App>,
    headers: HeaderMap,
    Raw(body): Raw,
) -> Result<StatusCode, Problem> {
    let (_, signature): (Empty, _) = signed(&phone, &headers, &body)?;
    app.pipeline
        .write(move |txn| {
            first_use(txn, &signature)?;
            push::unregister_device(txn.db, phone.device)
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which channel she wants first. What stands behind `in_app` is never used.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChannelsBody {
    order: Vec<Channel>,
}

/// Sets her order of channels, for all of her devices.
#[utoipa::path(put, path = "/v1/app/channels", tag = "app", request_body = ChannelsBody,
    responses((status = 204), (status = "default", body = Problem)))]
pub(in crate::api) async fn put_channels(
    phone: Phone,
    State(app): State<App>,
    headers: HeaderMap,
    Raw(body): Raw,
) -> Result<StatusCode, Problem> {
    let (body, signature): (ChannelsBody, _) = signed(&phone, &headers, &body)?;
    let again = |at: usize| body.order[..at].contains(&body.order[at]);
    if (0..body.order.len()).any(again) {
        return Err(Problem::invalid("order: each channel once"));
    }
    app.pipeline
        .write(move |txn| {
            first_use(txn, &signature)?;
            push::set_order(txn.db, phone.customer, &body.order)
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
