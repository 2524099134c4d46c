//! What a provider's answer means.
//!
//! In: a status and the provider's word for it. Out: a [`Verdict`]; and when to try again.
//! Web Push: RFC 8030, sections 5 and 7.3, and what push services add. FCM: "ErrorCode" of the HTTP v1
//! reference. APNs: "Handling notification responses from APNs".
//! Invariant: pure; an address is given up only for an answer that says that it is dead.

use std::time::Duration;

/// The first wait; each further one is twice as long.
const WAIT_MIN: Duration = Duration::from_secs(2);
/// The longest wait that we choose; a provider may ask for more.
const WAIT_MAX: Duration = Duration::from_secs(300);

/// What an answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The provider has it.
    Accepted,
    /// Nobody is there any more: forget the address.
    Dead,
    /// This message will never be taken.
    GiveUp,
    /// Not now.
    Later,
    /// Our token is too old: make another, once.
    NewToken,
    /// Our credentials are wrong: somebody must look. The address may be fine.
    Alarm,
}

/// A push service's answer.
pub fn web_push(status: u16) -> Verdict {
    match status {
        200..=299 => Verdict::Accepted,
        404 | 410 => Verdict::Dead,
        // The key is not the one of the subscription, or the push service refuses our signature.
        401 | 403 => Verdict::Alarm,
        429 | 500..=599 => Verdict::Later,
        // 413 too large, 400 malformed, and a redirect, which we do not follow.
        _ => Verdict::GiveUp,
    }
}

/// FCM's answer; `code` is `errorCode` of its `FcmError`, else `status` of its error.
pub fn fcm(status: u16, code: &str) -> Verdict {
    match (status, code) {
        (200..=299, _) => Verdict::Accepted,
        // A 404 that names something else may be a project that is not there.
        (_, "UNREGISTERED") => Verdict::Dead,
        (_, "SENDER_ID_MISMATCH" | "THIRD_PARTY_AUTH_ERROR") | (401 | 403 | 404, _) => {
            Verdict::Alarm
        }
        (_, "QUOTA_EXCEEDED" | "UNAVAILABLE" | "INTERNAL") | (429 | 500..=599, _) => Verdict::Later,
        _ => Verdict::GiveUp,
    }
}

/// Apple's answer; `reason` is in its body.
pub fn apns(status: u16, reason: &str) -> Verdict {
    match (status, reason) {
        (200..=299, _) => Verdict::Accepted,
        (410, _) | (400, "BadDeviceToken") => Verdict::Dead,
        (403, "ExpiredProviderToken") => Verdict::NewToken,
        // The token is of another app or environment: ours to mend.
        (403, _)
        | (400, "DeviceTokenNotForTopic" | "BadTopic" | "TopicDisallowed" | "MissingTopic") => {
            Verdict::Alarm
        }
        (429 | 500..=599, _) => Verdict::Later,
        _ => Verdict::GiveUp,
    }
}

/// When to try again after try number `attempt` (from 1); none: then it would not matter any more.
pub fn again_ms(
    now_ms: u64,
    attempt: u32,
    retry_after: Option<Duration>,
    relevant_until_ms: u64,
) -> Option<u64> {
    let doubled = WAIT_MIN * 2_u32.saturating_pow(attempt.saturating_sub(1).min(16));
    let wait = doubled.min(WAIT_MAX).max(retry_after.unwrap_or_default());
    let at_ms = now_ms.saturating_add(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
    (at_ms < relevant_until_ms).then_some(at_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_answer_has_its_meaning() {
        use Verdict::{Accepted, Alarm, Dead, GiveUp, Later, NewToken};
        for (status, verdict) in [
            (201, Accepted),
            (202, Accepted),
            (301, GiveUp),
            (400, GiveUp),
            (401, Alarm),
            (403, Alarm),
            (404, Dead),
            (410, Dead),
            (413, GiveUp),
            (429, Later),
            (500, Later),
            (503, Later),
        ] {
            assert_eq!(web_push(status), verdict, "Web Push {status}");
        }
        for (status, code, verdict) in [
            (200, "", Accepted),
            (404, "UNREGISTERED", Dead),
            (404, "NOT_FOUND", Alarm),
            (400, "INVALID_ARGUMENT", GiveUp),
            (429, "QUOTA_EXCEEDED", Later),
            (503, "UNAVAILABLE", Later),
            (500, "INTERNAL", Later),
            (403, "SENDER_ID_MISMATCH", Alarm),
            (401, "THIRD_PARTY_AUTH_ERROR", Alarm),
            (401, "UNAUTHENTICATED", Alarm),
            (403, "PERMISSION_DENIED", Alarm),
        ] {
            assert_eq!(fcm(status, code), verdict, "FCM {status} {code}");
        }
        for (status, reason, verdict) in [
            (200, "", Accepted),
            (400, "BadDeviceToken", Dead),
            (400, "DeviceTokenNotForTopic", Alarm),
            (400, "BadExpirationDate", GiveUp),
            (403, "ExpiredProviderToken", NewToken),
            (403, "InvalidProviderToken", Alarm),
            (403, "MissingProviderToken", Alarm),
            (404, "BadPath", GiveUp),
            (405, "MethodNotAllowed", GiveUp),
            (410, "Unregistered", Dead),
            (410, "ExpiredToken", Dead),
            (413, "PayloadTooLarge", GiveUp),
            (429, "TooManyRequests", Later),
            (429, "TooManyProviderTokenUpdates", Later),
            (500, "InternalServerError", Later),
            (503, "ServiceUnavailable", Later),
            (503, "Shutdown", Later),
        ] {
            assert_eq!(apns(status, reason), verdict, "APNs {status} {reason}");
        }
    }

    #[test]
    fn waits_double_obey_the_provider_and_end_with_relevance() {
        let wait = |attempt, retry_s: u64| {
            let retry = (retry_s > 0).then(|| Duration::from_secs(retry_s));
            again_ms(0, attempt, retry, 600_000)
        };
        assert_eq!(
            [1, 2, 3].map(|n| wait(n, 0)),
            [Some(2_000), Some(4_000), Some(8_000)]
        );
        assert_eq!(wait(40, 0), Some(300_000));
        assert_eq!(wait(1, 90), Some(90_000));
        assert_eq!(wait(1, 600), None);
    }
}
