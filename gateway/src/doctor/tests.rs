use super::*;

fn report(findings: Vec<Problem>) -> Report {
    Report { findings }
}

fn wrong_line() -> Problem {
    Problem::SettingsWrong {
        path: "gateway.toml".into(),
        line: 3,
        key: "mqtt.port".into(),
        what: "must be 1 to 65535".into(),
        command: "sudo nano +3 gateway.toml".into(),
    }
}

#[test]
fn the_exit_code_tells_settings_from_the_rest_and_a_remark_is_no_failure() {
    assert_eq!(report(vec![Problem::ClockGood]).exit_code(), 0);
    let look = vec![Problem::ClockGood, Problem::ClockUnsynchronised];
    assert_eq!(report(look).exit_code(), 0);
    assert_eq!(report(vec![Problem::RadioBlocked]).exit_code(), 1);
    let both = vec![wrong_line(), Problem::RadioBlocked];
    assert_eq!(report(both).exit_code(), 2);
}

#[test]
fn colours_are_for_terminals_and_no_word_is_lost_without_them() {
    let report = report(vec![wrong_line(), Problem::ClockGood]);
    let plain = report.text(false);
    assert!(!plain.contains('\x1b'), "{plain}");
    let mut bare = report.text(true);
    assert!(bare.contains("\x1b[1;31mWRONG"), "{bare}");
    for colour in ["\x1b[32m", "\x1b[33m", "\x1b[1;31m", "\x1b[0m"] {
        bare = bare.replace(colour, "");
    }
    assert_eq!(bare, plain);
    assert_eq!(
        plain,
        "Settings  WRONG  gateway.toml, line 3: mqtt.port: must be 1 to 65535.\n\
         \x20                Mend this line; then ask again.\n\
         \x20                $ sudo nano +3 gateway.toml\n\
         Clock     good   The clock is set.\n\n\
         To mend: 1."
    );
}

#[test]
fn json_has_what_the_terminal_has() {
    let report = report(vec![Problem::RadioBlocked]);
    let json: serde_json::Value = serde_json::from_str(&report.json().unwrap()).unwrap();
    assert_eq!(json["v"], 1);
    assert_eq!(json["level"], "wrong");
    let finding = &json["findings"][0];
    assert_eq!(finding["check"], "radio");
    assert_eq!(finding["code"], "radio_blocked");
    assert_eq!(finding["command"], "sudo rfkill unblock bluetooth");
    assert_eq!(finding["do"], "Take the block away.");
}

/// One of each that is not good.
fn all_that_is_not_good() -> Vec<Problem> {
    use Problem::*;
    let (h, c, w) = (
        || "broker".into(),
        || "type this".into(),
        || "because".into(),
    );
    let dir = || PathBuf::from("/spool");
    vec![
        wrong_line(),
        SettingsUnreadable {
            path: dir(),
            why: w(),
            command: c(),
        },
        NotSealed,
        SettingsTried { version: 7 },
        SettingsRefused {
            version: 7,
            why: protocol::settings::Why::HeardNothing { minutes: 5 },
        },
        SettingsDamaged,
        RadioOff { adapter: h() },
        RadioBlocked,
        RadioSwitchedOff,
        RadioMissing {
            adapter: h(),
            others: Vec::new(),
            command: c(),
        },
        RadioMissing {
            adapter: h(),
            others: vec![h()],
            command: c(),
        },
        BusMissing,
        BluezMissing,
        BluezDenied {
            user: h(),
            command: c(),
        },
        BluezSilent,
        BluezOdd { why: w() },
        StandInMissing {
            what: h(),
            why: w(),
        },
        FolderClosed {
            dir: dir(),
            user: h(),
            command: c(),
        },
        DiskReadOnly { dir: dir() },
        DiskFull {
            dir: dir(),
            free_mb: 1,
            command: c(),
        },
        DiskBroken {
            dir: dir(),
            why: w(),
        },
        DiskSmall {
            free_mb: 1,
            wanted_mb: 2,
        },
        DiskErrors {
            disk: h(),
            errors: 2,
        },
        DiskSlow { sync_ms: 2_000 },
        SpoolFilling {
            percent: 90,
            waiting: 7,
        },
        SpoolBroken {
            parts: 2,
            command: c(),
        },
        ClockBeforeBuild {
            now: "1970-01-01".into(),
        },
        ClockUnsynchronised,
        ClockOff {
            off_s: 70,
            behind: true,
        },
        NameUnknown {
            host: h(),
            command: c(),
        },
        PortRefused {
            host: h(),
            port: 1,
            command: c(),
        },
        HostSilent {
            host: h(),
            port: 1,
            command: c(),
        },
        TlsUntrusted {
            host: h(),
            command: c(),
        },
        TlsWrongName {
            host: h(),
            names: h(),
        },
        TlsNotYet,
        TlsExpired { command: c() },
        TlsNotSpoken { host: h(), port: 1 },
        TlsOdd {
            why: w(),
            command: c(),
        },
        LoginRefused {
            user: None,
            command: c(),
        },
        LoginRefused {
            user: Some(h()),
            command: c(),
        },
        MqttOdd { why: w() },
        PasswordInClear { host: h() },
    ]
}

#[test]
fn whatever_is_not_good_says_what_to_do_in_both_languages() {
    for problem in all_that_is_not_good() {
        assert!(problem.level() > Level::Good, "{problem:?}");
        let [english, dutch] =
            [Language::English, Language::Dutch].map(|language| problem.say(language));
        assert!(english.1.is_some() && dutch.1.is_some(), "{problem:?}");
        assert_ne!(english, dutch);
    }
}

#[tokio::test]
async fn settings_that_cannot_be_used_leave_the_machine_to_be_looked_at() {
    let dir = tempfile::tempdir().unwrap();
    let machine = Machine {
        root: dir.path().into(),
    };
    let path = dir.path().join("gateway.toml");
    std::fs::write(&path, "store = \"kade-9\"\ngateway = \"Door\"\n").unwrap();
    let report = examine(&path, &machine).await;
    let checks: Vec<Check> = report.findings.iter().map(Problem::check).collect();
    assert_eq!(checks, [Check::Settings, Check::Radio, Check::Clock]);
    assert_eq!(report.exit_code(), 2);
    let command = format!("sudo nano +2 {}", path.display());
    assert_eq!(report.findings[0].command(), Some(command.as_str()));
}
