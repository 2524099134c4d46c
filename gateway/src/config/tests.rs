use super::*;

const GOOD: &str = r#"store = "kade-9"
gateway = "door"
chain_uuids = ["5f2d9c4e-0d1b-4a7e-9a55-1c0f8e2b7a01"]

[source]
kind = "sim"
connect = "127.0.0.1:7001"

[aggregate]
window_ms = 500

[spool]
dir = "spool"
bytes_max = 1000000
segment_bytes = 65536

[mqtt]
host = "127.0.0.1"
port = 1883
username = "kade-9.door"
password = "correct horse"

[seal]
plain = true
"#;

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, Path::new("/etc/welkom/gateway.toml"))
}

#[track_caller]
fn reject(from: &str, to: &str, expected: &str) {
    assert!(GOOD.contains(from), "{from:?} is not in the example");
    let error = parse(&GOOD.replacen(from, to, 1)).unwrap_err().to_string();
    assert!(error.starts_with(expected), "{error}");
}

#[test]
fn example_is_understood() {
    let config = parse(GOOD).unwrap();
    assert_eq!(config.anchor.as_str(), "door");
    assert_eq!(config.window_ms, 500);
    assert_eq!(config.spool.dir, Path::new("/etc/welkom/spool"));
    let (name, password) = config.mqtt.credentials.clone().unwrap();
    assert_eq!(
        (name.as_str(), password.0.as_str()),
        ("kade-9.door", "correct horse")
    );
    assert!(!format!("{config:?}").contains("horse"));
}

#[test]
fn the_radio_of_this_machine_is_the_source_unless_another_is_named() {
    let without = GOOD.replace(
        "[source]\nkind = \"sim\"\nconnect = \"127.0.0.1:7001\"\n",
        "",
    );
    let source = parse(&without).unwrap().source;
    assert_eq!(source, SourceConfig::Btleplug(BtleplugConfig::default()));
}

#[test]
fn radios_of_raw_sockets_are_one_or_several() {
    let hci = |source: &str| {
        let from = "kind = \"sim\"\nconnect = \"127.0.0.1:7001\"";
        let source = format!("kind = \"hci\"\n{source}");
        match parse(&GOOD.replace(from, &source)).unwrap().source {
            SourceConfig::Hci(hci) => hci,
            other => panic!("{other:?}"),
        }
    };
    let config = hci("");
    assert_eq!(config.adapters, [HciAdapter::Kernel(0)]);
    assert_eq!(config.silence_ms, SILENCE_S * 1_000);
    assert_eq!(hci("adapter = \"hci7\"").adapters, [HciAdapter::Kernel(7)]);
    let both = hci("adapters = [\"hci1\", \"unix:air\"]\nsilence_s = 3");
    assert_eq!(both.silence_ms, 3_000);
    let air = HciAdapter::Unix("/etc/welkom/air".into());
    assert_eq!(both.adapters, [HciAdapter::Kernel(1), air]);
    for (source, expected) in [
        ("adapter = \"eth0\"", "\"eth0\" is not an adapter"),
        ("adapter = \"hci65535\"", "\"hci65535\" is not an adapter"),
        ("adapters = []", "names 0 adapters"),
        ("adapters = [\"hci0\", \"hci0\"]", "\"hci0\" is named twice"),
        (
            "adapter = \"hci0\"\nadapters = [\"hci1\"]",
            "there is an adapter as well",
        ),
        ("connect = \"x\"", "a source of kind \"hci\" has no connect"),
    ] {
        let to = format!("kind = \"hci\"\n{source}");
        let key = source
            .rsplit('\n')
            .next()
            .unwrap()
            .split(' ')
            .next()
            .unwrap();
        let line = 6 + to.matches('\n').count();
        reject(
            "kind = \"sim\"\nconnect = \"127.0.0.1:7001\"",
            &to,
            &format!("gateway.toml:{line}: source.{key}: {expected}"),
        );
    }
}

#[test]
fn what_is_not_said_has_its_default() {
    let text = GOOD.replace("window_ms = 500", "");
    let text = text.replace("bytes_max = 1000000\nsegment_bytes = 65536", "");
    let config = parse(&text).unwrap();
    assert_eq!(config.window_ms, WINDOW_MS);
    assert_eq!(config.spool.bytes_max, SPOOL_BYTES_MAX);
    assert_eq!(config.spool.segment_bytes, SEGMENT_BYTES);
}

#[test]
fn reject_with_file_line_and_key() {
    reject(
        "port = 1883",
        "port = 70000",
        "gateway.toml:19: mqtt.port: invalid value",
    );
    reject(
        "port = 1883",
        "port = 0",
        "gateway.toml:19: mqtt.port: must be",
    );
    reject(
        "port = 1883",
        "porto = 1883",
        "gateway.toml:19: mqtt.porto: unknown field `porto`",
    );
    reject(
        "port = 1883",
        "",
        "gateway.toml:17: mqtt: missing field `port`",
    );
    reject(
        "\"kade-9\"",
        "\"Kade\"",
        "gateway.toml:1: store: \"Kade\" is not an id",
    );
    reject(
        "kind = \"sim\"",
        "kind = \"ham\"",
        "gateway.toml:6: source.kind: \"ham\" is not",
    );
    reject(
        "connect = \"127.0.0.1:7001\"",
        "adapter = \"hci0\"",
        "gateway.toml:7: source.adapter: a source of kind \"sim\" has no adapter",
    );
    reject(
        "connect = \"127.0.0.1:7001\"",
        "",
        "gateway.toml:6: source.kind: a source of kind \"sim\" needs connect",
    );
    reject(
        "kind = \"sim\"\nconnect = \"127.0.0.1:7001\"",
        "kind = \"btleplug\"\nsilence_s = 1",
        "gateway.toml:7: source.silence_s: must be 2 to 600",
    );
    reject(
        "kind = \"sim\"\nconnect = \"127.0.0.1:7001\"",
        "kind = \"replay\"\nfile = \"x\"\nspeed = 0.0",
        "gateway.toml:8: source.speed: must be 0.01 to 10000",
    );
    reject(
        "[source]",
        "chain_namespaces = [\"0a\"]\n[source]",
        "gateway.toml:5: chain_namespaces: \"0a\" is not 20 hexadecimal digits",
    );
    reject(
        "127.0.0.1:7001",
        "localhost",
        "gateway.toml:7: source.connect: \"localhost\" is not",
    );
    reject(
        "= 500",
        "= 5",
        "gateway.toml:10: aggregate.window_ms: must be 100",
    );
    reject(
        "= 1000000",
        "= 100000",
        "gateway.toml:14: spool.bytes_max: 100000 is less",
    );
    reject(
        "= 65536",
        "= 1",
        "gateway.toml:15: spool.segment_bytes: must be",
    );
    reject(
        "password = ",
        "#",
        "gateway.toml:20: mqtt.username: needs a password",
    );
    reject(
        "username = ",
        "#",
        "gateway.toml:21: mqtt.password: needs a username",
    );
    reject("[spool]", "[spool", "gateway.toml:12: ");
}

#[test]
fn sightings_are_sealed_unless_the_file_says_plainly_that_they_are_not() {
    let key = "A".repeat(43);
    let sealed = format!("trust = \"{key}\"\nkey = \"{key}\"");
    let config = parse(&GOOD.replace("plain = true", &sealed)).unwrap();
    let (trust, key) = (key.parse().unwrap(), key.parse().unwrap());
    assert_eq!(config.seal, SealConfig::To { trust, key });
    for (to, expected) in [
        (sealed.replace('A', "!"), "24: seal.trust: "),
        (
            "trust = \"AAAA\"".into(),
            "24: seal.trust: trust and key belong together",
        ),
        (
            format!("{sealed}\nplain = true"),
            "26: seal.plain: there are keys as well",
        ),
        (
            "plain = false".into(),
            "25: seal: trust and key are missing",
        ),
    ] {
        reject("plain = true", &to, &format!("gateway.toml:{expected}"));
    }
    reject(
        "[seal]\nplain = true\n",
        "",
        "gateway.toml:23: seal: trust and key are missing",
    );
}

#[test]
fn reject_files_that_cannot_be_used() {
    reject(
        "password = \"correct horse\"",
        "password_file = \"/nowhere/password\"",
        "gateway.toml:21: mqtt.password_file: read /nowhere/password: No such file",
    );
    reject(
        "password = \"correct horse\"",
        "password = \"a\"\npassword_file = \"b\"",
        "gateway.toml:22: mqtt.password_file: there is a password as well",
    );
    reject(
        "[mqtt]",
        "[mqtt]\ntls = { ca_file = \"/nowhere/ca.pem\" }",
        "gateway.toml:18: mqtt.tls: /nowhere/ca.pem:",
    );
    let error = Config::load(Path::new("/nowhere/gateway.toml")).unwrap_err();
    assert_eq!(error.to_string(), "read /nowhere/gateway.toml");
}

#[test]
fn password_file_loses_its_last_line_end_only() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("password"), " two words \n").unwrap();
    let text = GOOD.replace(
        "password = \"correct horse\"",
        "password_file = \"password\"",
    );
    let config = Config::parse(&text, &dir.path().join("gateway.toml")).unwrap();
    assert_eq!(config.mqtt.credentials.unwrap().1.0, " two words ");
}

#[test]
fn text_of_any_kind_is_no_panic() {
    for cut in 0..GOOD.len() {
        let _ = parse(&GOOD[..cut]);
    }
}

#[test]
fn settings_that_come_with_the_package_need_what_the_server_gives_out_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let text = include_str!("../../../deploy/gateway/gateway.toml");
    let path = dir.path().join("gateway.toml");
    let missing = |text: &str| Config::parse(text, &path).unwrap_err().to_string();
    assert!(missing(text).contains("seal.trust"), "{}", missing(text));
    let key = "A".repeat(43);
    let text = &text.replace("\"…\"", &format!("{key:?}"));
    assert!(
        missing(text).contains("mqtt.password_file"),
        "{}",
        missing(text)
    );
    // A certificate is made at the server; what is left is what the file itself says.
    std::fs::write(dir.path().join("mqtt-password"), "wg_secret\n").unwrap();
    assert!(missing(text).contains("mqtt.tls"), "{}", missing(text));
    let config = Config::parse(&text.replace("tls = {", "# tls = {"), &path).unwrap();
    assert!(config.health.unwrap().ip().is_loopback());
    assert_eq!(config.spool.bytes_max, SPOOL_BYTES_MAX);
    let adapter = SourceConfig::Btleplug(BtleplugConfig::default());
    assert_eq!(config.source, adapter);
}
