//! The page over HTTP: who may press what.

use protocol::StaffId;

use crate::{
    api::fixtures::Rig,
    secret,
    store::{
        access::{self, StaffRole, StaffRow},
        fixtures,
    },
};

const PAGE: &str = "/manage/kade-9/integrations";
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const MANAGER: (&str, &str) = ("cookie", "welkom_session=ws_manager");
const ADMIN: (&str, &str) = ("cookie", "welkom_session=ws_admin");
const COLLEAGUE: (&str, &str) = ("cookie", "welkom_session=ws_staff");

/// A request for her data, a message that was given up, and somebody of each role.
async fn open() -> Rig {
    let rig = Rig::open().await;
    let (anna, store) = (rig.anna, rig.store.clone());
    rig.write(move |txn| {
        fixtures::everything_of(txn.db, anna, 1);
        for role in [StaffRole::Staff, StaffRole::Manager, StaffRole::Admin] {
            let login = role.as_str();
            let row = StaffRow {
                staff: StaffId::at(txn.now_ms, secret::random()?),
                login: login.into(),
                name: "Noor".into(),
                role,
                store: (role != StaffRole::Admin).then(|| store.clone()),
                password_hash: String::new(),
            };
            access::put_staff(txn.db, txn.now_ms, &row)?;
            let (hash, whose) = (secret::sha256(&format!("ws_{login}")), Some(row.staff));
            let until_ms = txn.now_ms + 60_000;
            access::add_session(txn.db, txn.now_ms, &hash, whose, None, "c5", until_ms)?;
        }
        Ok(())
    })
    .await;
    rig
}

#[tokio::test]
async fn a_manager_sees_the_chains_sources_and_only_an_admin_changes_something() {
    let rig = open().await;
    let message = rig.text("SELECT hex(message) FROM webhook_messages");
    let done = "csrf=c5&do=done&task=1".to_owned();
    let again = format!("csrf=c5&do=replay&name=till&message={message}");
    let test = "csrf=c5&do=test&source=web".to_owned();
    assert_eq!(rig.ask("GET", PAGE, &[COLLEAGUE], "").await.0, 403);
    assert_eq!(rig.ask("GET", PAGE, &[MANAGER], "").await.0, 200);
    for (who, expected) in [(MANAGER, [403, 403, 200]), (ADMIN, [303, 303, 200])] {
        for (form, expected) in [&done, &again, &test].into_iter().zip(expected) {
            let status = rig.ask("POST", PAGE, &[who, FORM], form.clone()).await.0;
            assert_eq!(status, expected, "{who:?} {form}");
        }
        let (open, resting) = (
            rig.number("SELECT count(*) FROM tasks WHERE done_ms IS NULL"),
            rig.number("SELECT count(*) FROM webhook_messages WHERE state = 'failed'"),
        );
        let left = u32::from(who == MANAGER);
        assert_eq!((open, resting), (left, left), "{who:?}");
    }
    let forged = done.replace("c5", "guessed");
    assert_eq!(rig.ask("POST", PAGE, &[ADMIN, FORM], forged).await.0, 403);
}

#[tokio::test]
async fn whom_a_request_is_about_and_a_receivers_whole_address_are_for_an_admin() {
    let rig = open().await;
    rig.write(|txn| {
        let url = "UPDATE webhooks SET url = 'https://till.kade9.nl/hook/very-secret'";
        Ok(txn.db.execute(url, []).map(|_| ())?)
    })
    .await;
    let (_, manager) = rig.page("GET", PAGE, &[MANAGER], "").await;
    let (_, admin) = rig.page("GET", PAGE, &[ADMIN], "").await;
    for hidden in [rig.anna.to_string(), "very-secret".to_owned()] {
        assert!(
            admin.contains(&hidden) && !manager.contains(&hidden),
            "{hidden}"
        );
    }
    assert!(
        manager.contains("till.kade9.nl") && manager.contains("500, no-7Q3X9"),
        "{manager}"
    );
    assert!(!admin.contains("hush"), "a secret is on the page");
}
