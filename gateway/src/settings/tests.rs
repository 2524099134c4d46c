use std::{fs, path::Path};

use protocol::seal::{PrivateKey, Signature, TrustKey};
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};

use super::*;
use crate::config::SourceConfig;

struct Server(Ed25519KeyPair);

impl Server {
    fn new(seed: u8) -> Self {
        Self(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap())
    }

    fn trust(&self) -> TrustKey {
        TrustKey(self.0.public_key().as_ref().try_into().unwrap())
    }

    fn signs(&self, text: String) -> SignedSettings {
        let signature = self.0.sign(&SignedSettings::signed(&text));
        SignedSettings {
            text,
            signature: Signature(signature.as_ref().try_into().unwrap()),
        }
    }

    fn says(&self, version: u64, settings: Value) -> SignedSettings {
        self.says_to("door", version, settings)
    }

    fn says_to(&self, gateway: &str, version: u64, settings: Value) -> SignedSettings {
        let mut told = json!({ "store": "kade-9", "gateway": gateway, "version": version });
        told["settings"] = settings;
        self.signs(told.to_string())
    }
}

/// A machine with the adapters hci0 and hci1, and a gateway whose file has a window of 700 ms.
struct Machine {
    dir: tempfile::TempDir,
    more: &'static str,
}

impl Machine {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("spool")).unwrap();
        for adapter in ["hci0", "hci1"] {
            let path = dir.path().join("sys/class/bluetooth").join(adapter);
            fs::create_dir_all(path).unwrap();
        }
        Self { dir, more: "" }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn kept(&self) -> PathBuf {
        self.path().join("spool/settings.json")
    }

    fn file(&self) -> Config {
        let trust = Server::new(1).trust();
        let key = PrivateKey::new(&[1; 32]).public();
        let text = format!(
            "store = \"kade-9\"\ngateway = \"door\"\n{}\n[source]\nkind = \"btleplug\"\n\
             adapter = \"hci0\"\n[aggregate]\nwindow_ms = 700\n[spool]\ndir = \"spool\"\n\
             [seal]\ntrust = \"{trust}\"\nkey = \"{key}\"\n[mqtt]\nhost = \"h\"\nport = 1\n",
            self.more
        );
        Config::parse(&text, &self.path().join("gateway.toml")).unwrap()
    }

    /// A start of the process.
    fn start(&self) -> Core {
        let mut core = Core::load(&self.file(), self.path().into());
        core.begin();
        core
    }
}

fn window(ms: u64) -> Value {
    json!({ "aggregate": { "window_ms": ms } })
}

fn radio(adapter: &str) -> Value {
    json!({ "source": { "kind": "btleplug", "adapter": adapter } })
}

fn adapter(core: &Core) -> &str {
    match &core.config().source {
        SourceConfig::Btleplug(config) => &config.adapter,
        other => panic!("{other:?}"),
    }
}

fn refused(core: &Core) -> Option<(u64, Why)> {
    let refused = core.state()?.refused?;
    Some((refused.version, refused.why))
}

fn version(core: &Core) -> Option<u64> {
    core.state().and_then(|state| state.version)
}

fn at(ms: u64) -> Monotonic {
    Monotonic(ms)
}

const HEARD: bool = true;

#[test]
fn what_is_told_is_in_force_at_once_and_after_a_restart() {
    let machine = Machine::new();
    let mut core = machine.start();
    assert_eq!((core.state(), core.config().window_ms), (None, 700));
    let said = Server::new(1).says(3, window(250));
    assert!(core.told(&said, HEARD));
    assert_eq!((version(&core), core.config().window_ms), (Some(3), 250));
    // The broker repeats what it retained on each connection.
    assert!(!core.told(&said, HEARD));
    let core = machine.start();
    assert_eq!((version(&core), core.config().window_ms), (Some(3), 250));
    assert_eq!(refused(&core), None);
}

#[test]
fn nothing_told_is_the_file_again_and_has_a_version() {
    let (machine, server) = (Machine::new(), Server::new(1));
    let mut core = machine.start();
    core.told(&server.says(3, window(250)), HEARD);
    core.told(&server.says(4, json!({})), HEARD);
    assert_eq!((version(&core), core.config().window_ms), (Some(4), 700));
}

#[test]
fn what_others_sign_or_change_and_what_is_for_another_changes_nothing() {
    let (machine, server) = (Machine::new(), Server::new(1));
    let mut core = machine.start();
    core.told(&server.says(3, window(250)), HEARD);
    let mut changed = server.says(4, window(300));
    changed.text = changed.text.replace("300", "301");
    for (said, why) in [
        (Server::new(2).says(9, window(300)), Why::Signature),
        (changed, Why::Signature),
        (server.says_to("back", 9, window(300)), Why::NotForUs),
    ] {
        assert!(core.told(&said, HEARD));
        assert_eq!(refused(&core).map(|(_, why)| why), Some(why));
        assert_eq!((version(&core), core.config().window_ms), (Some(3), 250));
    }
    // And nobody who has the broker fills the card with it.
    assert_eq!(refused(&machine.start()), None);
    assert!(core.told(&server.says(4, window(300)), HEARD));
    assert_eq!((version(&core), refused(&core)), (Some(4), None));
}

#[test]
fn an_older_version_is_refused_also_after_a_restart() {
    let (machine, server) = (Machine::new(), Server::new(1));
    let old = server.says(3, window(250));
    let mut core = machine.start();
    core.told(&old, HEARD);
    core.told(&server.says(5, window(300)), HEARD);
    for mut core in [core, machine.start()] {
        core.told(&old, HEARD);
        assert_eq!(refused(&core), Some((3, Why::Older { known: 5 })));
        core.told(&server.says(5, window(400)), HEARD);
        assert_eq!(refused(&core), Some((5, Why::Older { known: 5 })));
        assert_eq!((version(&core), core.config().window_ms), (Some(5), 300));
    }
}

#[test]
fn one_wrong_key_refuses_the_whole_and_the_version_counts_as_known() {
    let (machine, server) = (Machine::new(), Server::new(1));
    let mut core = machine.start();
    core.told(&server.says(3, window(250)), HEARD);
    let wrong = server.says(
        4,
        json!({
            "aggregate": { "window_ms": 300 },
            "source": { "kind": "btleplug", "silence_s": 1 },
        }),
    );
    assert!(core.told(&wrong, HEARD));
    let why = Why::Wrong {
        key: "source.silence_s".into(),
        what: "must be 2 to 600".into(),
    };
    for mut core in [core, machine.start()] {
        assert_eq!(refused(&core), Some((4, why.clone())));
        assert_eq!((version(&core), core.config().window_ms), (Some(3), 250));
        assert!(!core.told(&wrong, HEARD), "judged once");
        assert!(core.tally.refused_total < 2);
    }
}

#[test]
fn what_could_cut_the_line_is_refused() {
    let (machine, server) = (Machine::new(), Server::new(1));
    let mut core = machine.start();
    core.told(
        &server.says(3, json!({ "mqtt": { "host": "elsewhere" } })),
        HEARD,
    );
    let (_, why) = refused(&core).unwrap();
    assert!(why.to_string().contains("unknown field `mqtt`"), "{why}");
    assert_eq!(core.config().mqtt.host, "h");
}

#[test]
fn an_adapter_that_is_not_there_is_refused_before_the_old_one_is_let_go() {
    let (machine, server) = (Machine::new(), Server::new(1));
    let mut core = machine.start();
    core.told(&server.says(3, radio("hci7")), HEARD);
    let adapter = "hci7".to_owned();
    assert_eq!(refused(&core), Some((3, Why::NoAdapter { adapter })));
    assert!(core.trial.is_none());
    core.told(&server.says(4, radio("../../class")), HEARD);
    assert!(matches!(refused(&core), Some((4, Why::NoAdapter { .. }))));
}

#[test]
fn another_radio_is_in_force_once_it_was_heard() {
    let (machine, server) = (Machine::new(), Server::new(1));
    let mut core = machine.start();
    core.told(&server.says(3, radio("hci1")), HEARD);
    let state = core.state().unwrap();
    assert_eq!((state.version, state.trying), (None, Some(3)));
    assert_eq!(adapter(&core), "hci1");
    // What the radio before had heard says nothing of this one.
    assert!(!core.heard(at(500)));
    core.listens(at(1_000));
    assert!(!core.heard(at(999)));
    assert!(core.heard(at(2_000)));
    let state = core.state().unwrap();
    assert_eq!((state.version, state.trying), (Some(3), None));
    assert_eq!(adapter(&machine.start()), "hci1");
}

#[test]
fn another_radio_that_hears_nothing_where_the_one_before_did_is_given_up() {
    let (machine, server) = (Machine::new(), Server::new(1));
    let mut core = machine.start();
    core.told(&server.says(3, window(250)), HEARD);
    core.told(&server.says(4, radio("hci1")), HEARD);
    core.listens(at(1_000));
    let ends = 1_000 + TRIAL_MS;
    assert_eq!(core.judge_at(), Some(at(ends)));
    assert!(!core.judge(at(ends - 1)));
    assert!(core.judge(at(ends)));
    for core in [core, machine.start()] {
        assert_eq!(adapter(&core), "hci0");
        assert_eq!((version(&core), core.config().window_ms), (Some(3), 250));
        assert_eq!(refused(&core), Some((4, Why::HeardNothing { minutes: 5 })));
    }
}

#[test]
fn where_the_radio_before_heard_nothing_either_the_chosen_one_stays() {
    let (machine, server) = (Machine::new(), Server::new(1));
    let mut core = machine.start();
    core.told(&server.says(4, radio("hci1")), !HEARD);
    core.listens(at(1_000));
    assert!(core.judge(at(1_000 + TRIAL_MS)));
    assert_eq!((version(&core), adapter(&core)), (Some(4), "hci1"));
}

#[test]
fn another_radio_that_ends_is_given_up_and_one_in_force_is_not() {
    let (machine, server) = (Machine::new(), Server::new(1));
    let mut core = machine.start();
    core.told(&server.says(3, radio("hci1")), HEARD);
    core.listens(at(1_000));
    assert!(core.radio_ended("no bus"));
    assert_eq!(adapter(&core), "hci0");
    assert!(matches!(refused(&core), Some((3, Why::RadioEnded { .. }))));
    assert!(!core.radio_ended("no bus"));
    assert_eq!(adapter(&core), "hci0");
}

#[test]
fn a_trial_that_ends_the_process_has_one_more_try_and_no_third() {
    let (machine, server) = (Machine::new(), Server::new(1));
    machine.start().told(&server.says(3, radio("hci1")), HEARD);
    assert_eq!(adapter(&machine.start()), "hci1");
    let core = machine.start();
    assert_eq!(adapter(&core), "hci0");
    assert_eq!(refused(&core), Some((3, Why::Interrupted { times: 2 })));
    assert_eq!(adapter(&machine.start()), "hci0");
}

#[test]
fn a_newer_version_ends_a_trial() {
    let (machine, server) = (Machine::new(), Server::new(1));
    let mut core = machine.start();
    core.told(&server.says(3, radio("hci1")), HEARD);
    core.told(&server.says(4, window(250)), !HEARD);
    assert!(core.trial.is_none());
    assert_eq!((version(&core), adapter(&core)), (Some(4), "hci0"));
}

/// Every moment at which the power can go while a version is written: before, with a torn file
/// beside, and after.
#[test]
fn a_power_cut_leaves_the_settings_before_or_those_told() {
    let (machine, server) = (Machine::new(), Server::new(1));
    machine.start().told(&server.says(3, window(250)), HEARD);
    let before = fs::read(machine.kept()).unwrap();
    machine.start().told(&server.says(4, window(300)), HEARD);
    let after = fs::read(machine.kept()).unwrap();
    for torn in 0..=after.len() {
        fs::write(machine.kept().with_extension("tmp"), &after[..torn]).unwrap();
        fs::write(machine.kept(), &before).unwrap();
        let core = machine.start();
        assert_eq!((version(&core), core.config().window_ms), (Some(3), 250));
    }
    fs::write(machine.kept(), &after).unwrap();
    let core = machine.start();
    assert_eq!((version(&core), core.config().window_ms), (Some(4), 300));
}

#[test]
fn a_power_cut_during_a_trial_leaves_one_of_the_two_radios_whole() {
    let (machine, server) = (Machine::new(), Server::new(1));
    let mut core = machine.start();
    core.told(&server.says(3, window(250)), HEARD);
    core.told(
        &server.says(
            4,
            json!({"source": {"kind": "btleplug", "adapter": "hci1"}}),
        ),
        HEARD,
    );
    // Gone before it was heard: the file's window goes with the other radio, not version 3's.
    let core = machine.start();
    assert_eq!((adapter(&core), core.config().window_ms), ("hci1", 700));
    assert_eq!(version(&core), Some(3), "not in force yet");
    let core = machine.start();
    assert_eq!((adapter(&core), core.config().window_ms), ("hci0", 250));
}

#[test]
fn nothing_is_acknowledged_that_is_not_on_the_disk() {
    let (machine, server) = (Machine::new(), Server::new(1));
    let mut core = machine.start();
    fs::remove_dir(machine.path().join("spool")).unwrap();
    core.told(&server.says(3, window(250)), HEARD);
    assert_eq!((version(&core), core.config().window_ms), (None, 700));
    assert!(matches!(refused(&core), Some((3, Why::NotWritten { .. }))));
    fs::create_dir(machine.path().join("spool")).unwrap();
    core.told(&server.says(3, window(250)), HEARD);
    assert_eq!((version(&core), refused(&core)), (Some(3), None));
}

#[test]
fn a_kept_file_that_cannot_be_read_is_counted_and_the_file_counts() {
    let (machine, server) = (Machine::new(), Server::new(1));
    let said = server.says(3, window(250));
    machine.start().told(&said, HEARD);
    let whole = fs::read_to_string(machine.kept()).unwrap();
    for broken in [
        "not json".to_owned(),
        String::new(),
        whole.replace("250", "251"),
        whole.replace("\"v\":1", "\"v\":2"),
    ] {
        fs::write(machine.kept(), &broken).unwrap();
        let mut core = machine.start();
        assert_eq!(core.config().window_ms, 700, "{broken}");
        let state = core.state().unwrap();
        assert!(state.damaged && state.version.is_none(), "{broken}");
        assert_eq!(core.tally.damaged_total, 1);
        // The broker has it still.
        core.told(&said, HEARD);
        assert_eq!(core.config().window_ms, 250);
        assert!(!core.state().unwrap().damaged);
    }
}

#[test]
fn local_settings_ignore_what_was_told_and_what_is() {
    let (mut machine, server) = (Machine::new(), Server::new(1));
    machine.start().told(&server.says(3, window(250)), HEARD);
    machine.more = "local_settings = true";
    let mut core = machine.start();
    assert_eq!((core.state(), core.config().window_ms), (None, 700));
    core.told(&server.says(4, window(300)), HEARD);
    assert_eq!(refused(&core), Some((4, Why::Local)));
    assert_eq!(core.config().window_ms, 700);
    // Nothing was written: without the switch the server's are back.
    machine.more = "";
    assert_eq!(machine.start().config().window_ms, 250);
}

#[test]
fn who_trusts_nobody_is_told_nothing() {
    let machine = Machine::new();
    let mut file = machine.file();
    file.seal = SealConfig::Plain;
    let mut core = Core::load(&file, machine.path().into());
    core.begin();
    core.told(&Server::new(1).says(3, window(250)), HEARD);
    assert_eq!(refused(&core), Some((3, Why::NoTrust)));
    assert_eq!(core.config().window_ms, 700);
    assert!(!machine.kept().exists());
}

#[test]
fn whoever_follows_is_called_once_for_a_change() {
    let (machine, server) = (Machine::new(), Server::new(1));
    let counts = Counters::default();
    counts.heard(at(5_000));
    let settings = Settings::with(machine.start(), &counts);
    let mut changes = settings.changes();
    settings.told(at(6_000), &server.says(3, radio("hci1")));
    assert!(changes.has_changed().unwrap());
    changes.mark_unchanged();
    assert_eq!(settings.judge_at(), None);
    settings.listens(at(7_000));
    settings.judge(at(8_000));
    settings.heard(at(6_999));
    assert!(!changes.has_changed().unwrap());
    settings.judge(at(7_000 + TRIAL_MS));
    assert!(changes.has_changed().unwrap());
    let why = settings.state().unwrap().refused.unwrap().why;
    assert_eq!(why, Why::HeardNothing { minutes: 5 });
    assert_eq!(settings.tally().refused_total, 1);
}
