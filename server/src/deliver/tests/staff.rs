//! Colleagues' phones: told of a card, told that somebody goes, forgotten with the shift.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL};
use engine::{
    input::{Tap, TapAction},
    outcome::Call,
};
use protocol::{CardId, StaffId};
use serde_json::Value;
use web_push_native::{Auth, decrypt, p256::SecretKey};

use super::{
    push::{AUTH, Asked, Provider, browser},
    *,
};
use crate::{
    deliver::push::Push,
    store::{
        access::{self, StaffRole, StaffRow},
        staff_push::{self, StaffPhone, StaffPushRow},
    },
};

const HOUR_MS: u64 = 3_600_000;

fn colleague(number: u8) -> StaffId {
    StaffId::at(1, [number; 10])
}

fn session(number: u8) -> [u8; 32] {
    [number; 32]
}

impl Shop {
    /// A colleague whose shift is open, with a phone at this path of the push service.
    async fn has_phone(&self, number: u8, role: StaffRole, url: &str) -> SecretKey {
        let (mut to, key) = browser(url);
        to.address = format!("{url}/phone/{number}");
        self.write(move |txn| {
            let row = StaffRow {
                staff: colleague(number),
                login: format!("login-{number}"),
                name: "Sanne".into(),
                role,
                store: Some(kade_9()),
                password_hash: String::new(),
            };
            access::put_staff(txn.db, txn.now_ms, &row)?;
            let (session, expires_ms) = (session(number), txn.now_ms + HOUR_MS);
            let who = Some(row.staff);
            access::add_session(txn.db, txn.now_ms, &session, who, None, "", expires_ms)?;
            let phone = StaffPhone {
                session,
                store: kade_9(),
                to: to.clone(),
                language: "nl".into(),
            };
            staff_push::register(txn.db, txn.now_ms, &phone)
        })
        .await;
        key
    }

    /// Anna comes in for her order. Gives back her card.
    async fn anna_comes(&self) -> CardId {
        self.order_is_ready().await;
        self.sees("door", -70, 3, 0).await;
        self.write(|txn| {
            let card = txn
                .db
                .query_row("SELECT card FROM cards", [], |row| row.get(0))?;
            Ok(CardId(card))
        })
        .await
    }

    async fn tap(&self, card: CardId, action: TapAction) {
        self.write(move |txn| {
            let tap = Tap {
                card,
                staff: colleague(1),
                action: action.clone(),
            };
            txn.feed(&kade_9(), engine::Input::Tap(tap))?;
            Ok(())
        })
        .await;
    }

    async fn due_for_staff_in(&self, ms: u64) -> Vec<StaffPushRow> {
        self.write(move |txn| staff_push::lease(txn.db, txn.now_ms + ms, 100))
            .await
    }

    async fn tells_staff(&self, push: &Push) {
        for row in self.due_for_staff_in(0).await {
            push.clone().send_staff(row).await;
        }
    }

    async fn staff_states(&self) -> Vec<String> {
        self.write(|txn| {
            let mut states = txn
                .db
                .prepare("SELECT state FROM staff_pushes ORDER BY state")?;
            let rows = states.query_map([], |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }
}

fn read(asked: &Asked, key: &SecretKey) -> Value {
    let text = decrypt(asked.body.to_vec(), key, &Auth::clone_from_slice(&AUTH)).unwrap();
    serde_json::from_slice(&text).unwrap()
}

#[tokio::test]
async fn a_colleagues_phone_hears_of_a_card_without_a_name_and_that_somebody_goes() {
    let shop = Shop::open().await;
    let (service, url) = Provider::start().await;
    let key = shop.has_phone(1, StaffRole::Staff, &url).await;
    let push = shop.web();
    let card = shop.anna_comes().await;
    shop.tells_staff(&push).await;
    let heard = service.heard();
    assert_eq!(heard.len(), 1);
    let told = read(&heard[0], &key);
    assert_eq!(told["title"], "Ophalen: x");
    assert_eq!(told["over"], false);
    for name in ["Anna", "Vries"] {
        assert!(!told.to_string().contains(name), "{told}");
    }
    assert_eq!(
        heard[0].header("topic"),
        BASE64URL.encode(card.0.as_bytes())
    );
    assert_eq!(heard[0].header("urgency"), "high");
    shop.tells_staff(&push).await;
    assert_eq!(service.heard().len(), 0, "told twice");

    shop.tap(card, TapAction::Take).await;
    shop.tells_staff(&push).await;
    let heard = service.heard();
    assert_eq!(heard.len(), 1);
    let told = read(&heard[0], &key);
    assert_eq!(
        (&told["over"], &told["body"]),
        (&true.into(), &"Sanne gaat".into())
    );
    shop.tap(card, TapAction::Undo).await;
    shop.tells_staff(&push).await;
    let heard = service.heard();
    assert_eq!(read(&heard[0], &key)["over"], false);
    assert_eq!(shop.staff_states().await, ["accepted"]);
}

#[tokio::test]
async fn a_card_that_is_taken_before_it_was_told_is_not_told() {
    let shop = Shop::open().await;
    let (service, url) = Provider::start().await;
    shop.has_phone(1, StaffRole::Staff, &url).await;
    let push = shop.web();
    let card = shop.anna_comes().await;
    shop.tap(card, TapAction::Take).await;
    shop.tells_staff(&push).await;
    assert_eq!(service.heard().len(), 0);
    assert_eq!(shop.staff_states().await, ["expired"]);
}

#[tokio::test]
async fn what_a_crash_left_on_its_way_is_told_again_until_it_is_no_news_any_more() {
    let shop = Shop::open().await;
    let (_service, url) = Provider::start().await;
    shop.has_phone(1, StaffRole::Staff, &url).await;
    let card = shop.anna_comes().await;
    assert_eq!(shop.due_for_staff_in(0).await.len(), 1);
    assert_eq!(shop.due_for_staff_in(1_000).await.len(), 0);
    let again = shop.due_for_staff_in(31_000).await;
    assert_eq!((again.len(), again[0].attempt), (1, 2));
    assert_eq!(again[0].card.card, card);
    assert_eq!(shop.due_for_staff_in(700_000).await.len(), 0);
    assert_eq!(shop.staff_states().await, ["expired"]);
}

#[tokio::test]
async fn the_last_call_is_for_managers_and_a_phone_goes_with_its_shift() {
    let shop = Shop::open().await;
    let (_service, url) = Provider::start().await;
    shop.has_phone(1, StaffRole::Staff, &url).await;
    shop.has_phone(2, StaffRole::Manager, &url).await;
    let push = shop.web();
    let card = shop.anna_comes().await;
    shop.tells_staff(&push).await;
    assert_eq!(shop.staff_states().await, ["accepted", "accepted"]);
    shop.write(move |txn| {
        let call = Some(Call::Manager);
        staff_push::tell(txn.db, txn.now_ms, &kade_9(), card, call)
    })
    .await;
    let due = shop.due_for_staff_in(0).await;
    assert_eq!(due.len(), 1);
    assert!(due[0].to.address.ends_with("/phone/2"), "{due:?}");
    shop.write(|txn| {
        let gone = [session(2)];
        txn.db
            .execute("DELETE FROM sessions WHERE token_sha256 = ?1", gone)?;
        Ok(())
    })
    .await;
    assert_eq!(shop.staff_states().await, ["accepted"]);
}
