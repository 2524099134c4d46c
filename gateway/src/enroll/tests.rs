//! A machine is set up by a server of one answer, over plain http on this machine and over TLS.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;
use crate::config::Config;

const CODE: &str = "K7QF-2M9X-4TBD";

/// A server that says these answers, one a connection, and what it was asked.
async fn server(answers: Vec<Option<(u16, Value)>>) -> (String, Arc<Mutex<Vec<Value>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let keep = asked.clone();
    tokio::spawn(async move {
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"}") {
                let mut part = [0; 4096];
                let n = stream.read(&mut part).await.unwrap();
                request.extend_from_slice(&part[..n]);
            }
            let text = String::from_utf8(request).unwrap();
            let (_, body) = text.split_once("\r\n\r\n").unwrap();
            keep.lock()
                .unwrap()
                .push(serde_json::from_str(body).unwrap());
            // None: the line breaks before the answer.
            if let Some((status, body)) = answer {
                let body = body.to_string();
                let head = format!(
                    "HTTP/1.1 {status} x\r\ncontent-length: {}\r\n\r\n",
                    body.len()
                );
                stream.write_all((head + &body).as_bytes()).await.unwrap();
            }
        }
    });
    (address, asked)
}

fn answer() -> Option<(u16, Value)> {
    let body = json!({
        "store": "kade-9", "gateway": "attic", "mqtt_host": "127.0.0.1", "mqtt_port": 1883,
        "mqtt_username": "kade-9/attic", "mqtt_password": "wg_secret", "ca_pem": null,
        "seal_trust": "A".repeat(43), "seal_key": "B".repeat(42) + "A",
        "chain_uuids": ["5f2d9c4e-0d1b-4a7e-9a55-1c0f8e2b7a01"], "chain_namespaces": [],
        "a_later_server": "says more",
    });
    Some((201, body))
}

fn problem(status: u16) -> Option<(u16, Value)> {
    Some((
        status,
        json!({ "status": status, "detail": "make another" }),
    ))
}

fn options(dir: &tempfile::TempDir, server: &str) -> Options {
    Options {
        from: From::Typed {
            server: server.into(),
            code: Some(CODE.to_lowercase()),
        },
        trust: None,
        insecure_http: false,
        wait: Duration::ZERO,
        config: dir.path().join("gateway.toml"),
        force: false,
        spool: dir.path().join("spool"),
        health: None,
        air: None,
    }
}

fn names(dir: &tempfile::TempDir) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn what_is_written_is_what_the_gateway_loads_and_nobody_else_reads() {
    let dir = tempfile::tempdir().unwrap();
    let (url, asked) = server(vec![answer()]).await;
    let done = enroll(&options(&dir, &url)).await.unwrap().unwrap();
    assert_eq!(
        (done.store.as_str(), done.gateway.as_str()),
        ("kade-9", "attic")
    );
    let config = Config::load(&dir.path().join("gateway.toml")).unwrap();
    assert_eq!(config.chain.uuids.len(), 1);
    let (name, password) = config.mqtt.credentials.unwrap();
    assert_eq!(
        (name.as_str(), password.0.as_str()),
        ("kade-9/attic", "wg_secret")
    );
    assert_eq!(names(&dir), ["gateway.toml", "mqtt-password"]);
    let mode = fs::metadata(dir.path().join("mqtt-password")).unwrap();
    assert_eq!(mode.permissions().mode() & 0o777, 0o640);
    assert_eq!(asked.lock().unwrap()[0]["code"], CODE);
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_with_the_same_nonce_also_by_the_next_process() {
    let dir = tempfile::tempdir().unwrap();
    let (url, asked) = server(vec![None, None, None, answer()]).await;
    let lost = enroll(&options(&dir, &url)).await.unwrap_err();
    assert_eq!(lost.word(), "unreachable");
    enroll(&options(&dir, &url)).await.unwrap();
    let asked = asked.lock().unwrap();
    assert_eq!(asked.len(), 4);
    assert!(
        asked
            .iter()
            .all(|question| question["nonce"] == asked[0]["nonce"])
    );
    assert!(!names(&dir).contains(&"enroll-pending.json".to_owned()));
}

#[tokio::test]
async fn settings_that_are_there_stay_unless_they_are_to_go_and_then_they_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("gateway.toml"), "mine").unwrap();
    let (url, asked) = server(vec![answer()]).await;
    let refusal = enroll(&options(&dir, &url)).await.unwrap_err();
    assert_eq!((refusal.word(), refusal.exit_code()), ("exists", 2));
    assert!(
        asked.lock().unwrap().is_empty(),
        "the code would be used up"
    );
    let forced = Options {
        force: true,
        ..options(&dir, &url)
    };
    let done = enroll(&forced).await.unwrap().unwrap();
    assert_eq!(done.kept, [dir.path().join("gateway.toml.bak")]);
    assert_eq!(fs::read_to_string(&done.kept[0]).unwrap(), "mine");
}

#[tokio::test]
async fn each_refusal_has_its_word_its_exit_code_and_what_to_do() {
    for (status, word, exit_code) in [
        (404, "wrong-code", 3),
        (409, "used-code", 3),
        (410, "expired-code", 3),
        (429, "too-many", 1),
        (500, "server", 1),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let (url, _) = server(vec![problem(status)]).await;
        let refusal = enroll(&options(&dir, &url)).await.unwrap_err();
        assert_eq!((refusal.word(), refusal.exit_code()), (word, exit_code));
        assert!(!refusal.todo().is_empty() && !refusal.to_string().contains("K7QF"));
        assert!(!dir.path().join("gateway.toml").exists());
    }
    let dir = tempfile::tempdir().unwrap();
    let clear = enroll(&options(&dir, "http://192.0.2.1"))
        .await
        .unwrap_err();
    assert_eq!(clear.word(), "in-clear");
    let nobody = enroll(&options(&dir, "welkom.nl")).await.unwrap_err();
    assert_eq!(nobody.word(), "typed");
}

#[tokio::test]
async fn an_answer_that_makes_no_settings_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (_, mut body) = answer().unwrap();
    body["ca_pem"] = json!("no certificate");
    let (url, _) = server(vec![Some((201, body))]).await;
    let refusal = enroll(&options(&dir, &url)).await.unwrap_err();
    assert_eq!(refusal.word(), "settings");
    assert_eq!(names(&dir), ["enroll-pending.json"]);
}

#[tokio::test]
async fn a_file_on_the_boot_partition_is_wiped_or_told_why_not() {
    let (dir, boot) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = boot.path().join(FILE_NAME);
    let from_boot = || Options {
        from: From::Boot(vec![PathBuf::from("/nowhere"), boot.path().to_owned()]),
        ..options(&dir, "")
    };
    assert!(enroll(&from_boot()).await.unwrap().is_none());
    let (url, _) = server(vec![problem(410), answer()]).await;
    fs::write(&file, format!("\u{feff}{url}\r\n{CODE}\r\n")).unwrap();
    enroll(&from_boot()).await.unwrap_err();
    assert_eq!(names(&boot), [ERROR_NAME, FILE_NAME]);
    let told = fs::read_to_string(boot.path().join(ERROR_NAME)).unwrap();
    assert!(
        told.contains("Make another code") && !told.contains("K7QF"),
        "{told}"
    );
    // The QR code's text does as well.
    fs::write(
        &file,
        format!("{url}/manage/kade-9/gateways/attic#code={CODE}\n"),
    )
    .unwrap();
    enroll(&from_boot()).await.unwrap().unwrap();
    assert!(names(&boot).is_empty(), "{:?}", names(&boot));
}
