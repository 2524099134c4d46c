use std::{collections::BTreeSet, path::Path};

use protocol::BootId;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use uuid::Uuid;

use super::*;
use crate::doctor::{Language, Problem};

fn config(dir: &Path, health: &str) -> Config {
    let text = format!(
        "store = \"kade-9\"\ngateway = \"door\"\n\
         [source]\nkind = \"sim\"\nconnect = \"127.0.0.1:9\"\n\
         [spool]\ndir = \"spool\"\n[seal]\nplain = true\n[mqtt]\nhost = \"127.0.0.1\"\nport = 9\n{health}"
    );
    Config::parse(&text, &dir.join("gateway.toml")).unwrap()
}

fn view() -> View {
    View {
        boot: BootId(Uuid::nil()),
        anchored: true,
        may_lend: false,
        lent: 3,
        lent_oldest: None,
        acknowledged_at: Monotonic(50_000),
        waiting: 5,
    }
}

fn state() -> State {
    let counts = Counters::default();
    counts.heard(Monotonic(58_500));
    counts.foreign();
    counts.set_line(Line::Broker);
    counts.set_line(Line::Server);
    State {
        store: "kade-9".into(),
        gateway: "door".into(),
        spool_bytes_max: 1_000,
        now: Monotonic(60_000),
        began: Monotonic(1_000),
        counts,
        settings: None,
        tally: Tally::default(),
        view: view(),
    }
}

/// Names of all samples, without their labels.
fn exported(text: &str) -> BTreeSet<String> {
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    let names = samples.filter_map(|line| line.split(['{', ' ']).next());
    names.map(str::to_owned).collect()
}

#[test]
fn each_metric_has_help_a_type_and_its_value() {
    let text = metrics::encode(&state()).unwrap();
    for line in [
        "# TYPE welkom_gateway_advertisements_total counter",
        "welkom_gateway_advertisements_total 1",
        "welkom_gateway_advertisements_dropped_total{reason=\"foreign\"} 1",
        "# TYPE welkom_gateway_last_heard_seconds gauge",
        "welkom_gateway_last_heard_seconds 1.5",
        "welkom_gateway_last_acknowledged_seconds 10.0",
        "welkom_gateway_server_answers 1",
        "welkom_gateway_connections_total 1",
        "welkom_gateway_batches_unacknowledged 3",
        "welkom_gateway_part_hangs{part=\"spool\"} 0",
        "welkom_gateway_uptime_seconds 59",
    ] {
        assert!(text.lines().any(|l| l == line), "no {line} in\n{text}");
    }
    for name in exported(&text) {
        assert!(text.contains(&format!("# HELP {name} ")), "{name}");
        assert!(text.contains(&format!("# TYPE {name} ")), "{name}");
    }
}

#[test]
fn a_radio_that_never_heard_anything_has_no_age() {
    let never = State {
        counts: Counters::default(),
        ..state()
    };
    let text = metrics::encode(&never).unwrap();
    assert!(!text.contains("last_heard_seconds"), "{text}");
    assert!(text.contains("welkom_gateway_connected 0\n"), "{text}");
}

#[test]
fn dashboard_and_alerts_name_nothing_that_is_not_exported() {
    let exported = exported(&metrics::encode(&state()).unwrap());
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/monitoring");
    let mut named = BTreeSet::new();
    for file in ["grafana-gateway.json", "alerts.yml"] {
        let text = std::fs::read_to_string(format!("{dir}/{file}")).unwrap();
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let ours = words.filter(|word| word.starts_with("welkom_gateway_"));
        let ours: BTreeSet<String> = ours.map(str::to_owned).collect();
        assert!(ours.len() >= 5, "{file} names {ours:?}");
        named.extend(ours);
    }
    let missing: Vec<_> = named.difference(&exported).collect();
    assert!(missing.is_empty(), "{missing:?} are not exported");
    let dashboard = std::fs::read(format!("{dir}/grafana-gateway.json")).unwrap();
    serde_json::from_slice::<serde_json::Value>(&dashboard).unwrap();
}

#[test]
fn the_page_says_the_same_in_both_languages_and_runs_no_script() {
    let report = Report {
        findings: vec![
            Problem::RadioBlocked,
            Problem::MqttOdd {
                why: "<script>".into(),
            },
        ],
    };
    let english = page::page(&state(), &report, Language::English);
    let dutch = page::page(&state(), &report, Language::Dutch);
    for (page, words) in [
        (
            &english,
            [
                "lang=\"en\"",
                "Something is wrong.",
                "1 s ago",
                "the server answers",
            ],
        ),
        (
            &dutch,
            [
                "lang=\"nl\"",
                "Er is iets mis.",
                "1 s geleden",
                "de server antwoordt",
            ],
        ),
    ] {
        for word in words {
            assert!(page.contains(word), "no {word} in {page}");
        }
        assert!(page.contains("sudo rfkill unblock bluetooth"));
        assert!(!page.contains("<script") && page.contains("&lt;script&gt;"));
        assert!(!page.contains("http://") && !page.contains("https://"));
    }
}

#[test]
fn a_part_that_hangs_stands_at_the_top_and_all_is_not_well() {
    let state = state();
    state.counts.alive().begin(Monotonic(60_000));
    let good = page::page(&state, &Report::default(), Language::English);
    assert!(good.contains("All is well."), "{good}");
    let later = State {
        now: Monotonic(60_000 + crate::alive::STILL_MS),
        ..state
    };
    let page = page::page(&later, &Report::default(), Language::English);
    assert!(page.contains("Something is wrong."), "{page}");
    assert!(page.contains("intake</span>: systemd starts"), "{page}");
}

async fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("{request}\r\nHost: here\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn page_and_metrics_are_served_where_the_settings_say_and_nothing_else_is() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), "[health]\nlisten = \"127.0.0.1:0\"\n");
    let (_keep, view) = watch::channel(view());
    let counts = Counters::default();
    let settings = Settings::open(&config, &counts);
    let served = start(&config, &settings, &counts, view).await;
    let address = served.address.unwrap();
    let page = ask(address, "GET / HTTP/1.1\r\nAccept-Language: nl").await;
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    assert!(page.contains("default-src 'none'"), "{page}");
    // Nobody is at these ports, and the page says so.
    assert!(page.contains("maar op poort 9 luistert niemand"), "{page}");
    let metrics = ask(address, "GET /metrics HTTP/1.1").await;
    assert!(metrics.contains("text/plain; version=0.0.4"), "{metrics}");
    assert!(
        metrics.contains("welkom_gateway_uptime_seconds 0"),
        "{metrics}"
    );
    assert!(
        ask(address, "POST / HTTP/1.1")
            .await
            .starts_with("HTTP/1.1 405")
    );
    assert!(
        ask(address, "GET /spool HTTP/1.1")
            .await
            .starts_with("HTTP/1.1 404")
    );
    drop(served);
}

#[tokio::test]
async fn a_port_that_is_taken_is_no_reason_to_stop_and_without_settings_nothing_listens() {
    let dir = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap();
    let (_keep, view) = watch::channel(view());
    let counts = Counters::default();
    let with = config(dir.path(), &format!("[health]\nlisten = \"{address}\"\n"));
    for config in [with, config(dir.path(), "")] {
        let settings = Settings::open(&config, &counts);
        let served = start(&config, &settings, &counts, view.clone()).await;
        assert_eq!(served.address, None);
    }
}
