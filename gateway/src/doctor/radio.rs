//! Adapter, rfkill, and BlueZ on its bus or the kernel's raw sockets; or what takes the radio's place.
//!
//! In: the configured source, `/sys`, the system bus. Out: [`Problem`]s.
//! Promises: of problems that follow from each other the first is told, not its consequences.
//! Invariant: asks BlueZ for what it knows; starts no scan and switches nothing.

use std::{collections::HashMap, fs, io, path::Path, time::Duration};

use dbus::{
    arg::{PropMap, prop_cast},
    blocking::{Connection, stdintf::org_freedesktop_dbus::ObjectManager},
};
use tokio::{net::TcpStream, time::timeout};

use super::{Machine, Problem, plain, user};
use crate::{
    btsnoop::Recording,
    config::{HciAdapter, HciConfig, SourceConfig},
    source::missing_capabilities,
};

/// What one call to BlueZ may take.
const CALL_MAX: Duration = Duration::from_secs(3);
const ADAPTER: &str = "org.bluez.Adapter1";

pub(super) async fn examine(source: &SourceConfig, machine: &Machine) -> Vec<Problem> {
    let found = match source {
        SourceConfig::Hci(config) => return raw(config, machine),
        SourceConfig::Btleplug(config) => {
            let (adapter, machine) = (config.adapter.clone(), machine.clone());
            let look = tokio::task::spawn_blocking(move || bluez(&adapter, &machine));
            look.await.unwrap_or_else(|_| Problem::BluezOdd {
                why: "the question was not answered".into(),
            })
        }
        SourceConfig::Sim { connect } => simulator(connect).await,
        SourceConfig::Replay { file, .. } => recording(file),
    };
    vec![found]
}

/// The kernel's radios, without BlueZ. Whether one is on is not asked: the gateway switches it on.
fn raw(config: &HciConfig, machine: &Machine) -> Vec<Problem> {
    let closed = || missing_capabilities().map(|missing| Problem::RawClosed { missing });
    let of_kernel = |adapter: &HciAdapter| matches!(adapter, HciAdapter::Kernel(_));
    let closed = config.adapters.iter().any(of_kernel).then(closed).flatten();
    let adapters = config.adapters.iter().map(|adapter| match adapter {
        HciAdapter::Kernel(_) => of_kernel_named(adapter.to_string(), machine),
        HciAdapter::Unix(path) if path.exists() => Problem::StandInThere {
            what: path.display().to_string(),
        },
        HciAdapter::Unix(path) => Problem::StandInMissing {
            what: path.display().to_string(),
            why: plain(&io::ErrorKind::NotFound.into()),
        },
    });
    adapters.chain(closed).collect()
}

/// Linux, `Documentation/ABI/stable/sysfs-class-bluetooth`: an entry an adapter.
fn of_kernel_named(adapter: String, machine: &Machine) -> Problem {
    if let Some(blocked) = rfkill(&adapter, &machine.root.join("sys/class/rfkill")) {
        return blocked;
    }
    let dir = machine.root.join("sys/class/bluetooth");
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    // Connections have entries too: hci0:11.
    let mut there: Vec<String> = names.filter(|name| !name.contains(':')).collect();
    there.sort_unstable();
    if there.contains(&adapter) {
        return Problem::RadioThere { adapter };
    }
    Problem::RadioMissing {
        adapter,
        others: there,
        command: "ls /sys/class/bluetooth; sudo dmesg | grep -i bluetooth".into(),
    }
}

fn bluez(adapter: &str, machine: &Machine) -> Problem {
    if let Some(blocked) = rfkill(adapter, &machine.root.join("sys/class/rfkill")) {
        return blocked;
    }
    let Ok(connection) = Connection::new_system() else {
        return Problem::BusMissing;
    };
    let objects = connection
        .with_proxy("org.bluez", "/", CALL_MAX)
        .get_managed_objects();
    match objects {
        Ok(objects) => adapter_of(adapter, &objects),
        Err(error) => refused(&error, machine),
    }
}

type Objects = HashMap<dbus::Path<'static>, HashMap<String, PropMap>>;

fn adapter_of(adapter: &str, objects: &Objects) -> Problem {
    let mut powered = HashMap::new();
    for (path, interfaces) in objects {
        if let Some(properties) = interfaces.get(ADAPTER) {
            let name = path.rsplit('/').next().unwrap_or_default();
            let is_on = prop_cast::<bool>(properties, "Powered").copied();
            powered.insert(name.to_owned(), is_on.unwrap_or_default());
        }
    }
    let adapter = adapter.to_owned();
    match powered.get(&adapter) {
        Some(true) => Problem::RadioOn { adapter },
        Some(false) => Problem::RadioOff { adapter },
        None => {
            let mut others: Vec<String> = powered.into_keys().collect();
            others.sort_unstable();
            let command = if others.is_empty() {
                "sudo dmesg | grep -i bluetooth".into()
            } else {
                "bluetoothctl list".into()
            };
            Problem::RadioMissing {
                adapter,
                others,
                command,
            }
        }
    }
}

fn refused(error: &dbus::Error, machine: &Machine) -> Problem {
    let name = error.name().unwrap_or_default();
    match name.rsplit('.').next().unwrap_or_default() {
        "AccessDenied" => {
            let user = user(machine);
            Problem::BluezDenied {
                command: match user.as_str() {
                    "welkom-gateway" => "sudo systemctl reload dbus".into(),
                    other => format!("sudo usermod -aG welkom-gateway {other}"),
                },
                user,
            }
        }
        "ServiceUnknown" | "NameHasNoOwner" | "SpawnChildExited" | "Spawn" => Problem::BluezMissing,
        "NoReply" | "Timeout" | "TimedOut" => Problem::BluezSilent,
        _ => Problem::BluezOdd {
            why: error.message().unwrap_or(name).to_owned(),
        },
    }
}

/// Linux, `Documentation/ABI/stable/sysfs-class-rfkill`. A block that is not of an adapter by name
/// (laptops have one for all) counts for each.
fn rfkill(adapter: &str, dir: &Path) -> Option<Problem> {
    let read = |path: &Path, key: &str| {
        let text = fs::read_to_string(path.join(key)).unwrap_or_default();
        text.trim().to_owned()
    };
    let mut soft = false;
    for entry in fs::read_dir(dir).ok()?.flatten() {
        let path = entry.path();
        let name = read(&path, "name");
        if read(&path, "type") != "bluetooth" || (name.starts_with("hci") && name != adapter) {
            continue;
        }
        if read(&path, "hard") == "1" {
            return Some(Problem::RadioSwitchedOff);
        }
        soft |= read(&path, "soft") == "1";
    }
    soft.then_some(Problem::RadioBlocked)
}

async fn simulator(connect: &str) -> Problem {
    let what = connect.to_owned();
    let why = match timeout(CALL_MAX, TcpStream::connect(connect)).await {
        Ok(Ok(_)) => return Problem::StandInThere { what },
        Ok(Err(error)) => plain(&error),
        Err(_) => plain(&io::ErrorKind::TimedOut.into()),
    };
    Problem::StandInMissing { what, why }
}

fn recording(file: &Path) -> Problem {
    let what = file.display().to_string();
    match Recording::open(file) {
        Ok(_) => Problem::StandInThere { what },
        Err(error) => {
            let why = match std::error::Error::source(&error) {
                Some(source) => source.to_string(),
                None => error.to_string(),
            };
            Problem::StandInMissing { what, why }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A switch as the kernel shows it.
    fn switch(dir: &Path, no: u8, [name, kind, soft, hard]: [&str; 4]) {
        let dir = dir.join(format!("rfkill{no}"));
        fs::create_dir_all(&dir).unwrap();
        for (key, value) in [
            ("name", name),
            ("type", kind),
            ("soft", soft),
            ("hard", hard),
        ] {
            fs::write(dir.join(key), format!("{value}\n")).unwrap();
        }
    }

    #[test]
    fn a_block_is_found_for_this_adapter_and_for_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        assert_eq!(rfkill("hci0", &dir.join("nowhere")), None);
        switch(dir, 0, ["phy0", "wlan", "1", "1"]);
        switch(dir, 1, ["hci0", "bluetooth", "0", "0"]);
        switch(dir, 2, ["hci1", "bluetooth", "1", "0"]);
        assert_eq!(rfkill("hci0", dir), None);
        assert_eq!(rfkill("hci1", dir), Some(Problem::RadioBlocked));
        switch(dir, 3, ["ideapad_bluetooth", "bluetooth", "0", "1"]);
        assert_eq!(rfkill("hci0", dir), Some(Problem::RadioSwitchedOff));
    }

    #[test]
    fn what_the_bus_says_no_with_is_told_apart() {
        let machine = Machine {
            root: "/nowhere".into(),
        };
        let of = |name| refused(&dbus::Error::new_custom(name, "because"), &machine).code();
        let bus = |name: &str| of(format!("org.freedesktop.DBus.Error.{name}"));
        assert_eq!(bus("AccessDenied"), "bluez_denied");
        assert_eq!(bus("ServiceUnknown"), "bluez_missing");
        assert_eq!(bus("NoReply"), "bluez_silent");
        assert_eq!(of("org.bluez.Error.Failed".into()), "bluez_odd");
    }

    fn codes(config: &HciConfig, machine: &Machine) -> Vec<&'static str> {
        raw(config, machine).iter().map(Problem::code).collect()
    }

    #[test]
    fn a_raw_radio_is_looked_for_among_those_of_the_kernel() {
        let root = tempfile::tempdir().unwrap();
        let machine = Machine {
            root: root.path().into(),
        };
        for name in ["hci1", "hci1:11"] {
            fs::create_dir_all(root.path().join("sys/class/bluetooth").join(name)).unwrap();
        }
        let mut config = HciConfig {
            adapters: vec![HciAdapter::Kernel(0), HciAdapter::Kernel(1)],
            silence_ms: 21_000,
        };
        let found = raw(&config, &machine);
        assert!(
            matches!(&found[0], Problem::RadioMissing { others, .. } if others == &["hci1"]),
            "{found:?}"
        );
        assert_eq!(codes(&config, &machine)[1], "radio_there");
        // Whether this process has the capabilities is not for a test to say.
        assert_eq!(
            codes(&config, &machine).get(2).is_some(),
            missing_capabilities().is_some()
        );
        config.adapters = vec![HciAdapter::Unix(root.path().join("no-such"))];
        assert_eq!(codes(&config, &machine), ["stand_in_missing"]);
    }

    #[test]
    fn a_blocked_radio_is_told_before_one_that_is_missing() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("sys/class/rfkill/rfkill0");
        fs::create_dir_all(&dir).unwrap();
        for (key, value) in [
            ("name", "hci0"),
            ("type", "bluetooth"),
            ("hard", "0"),
            ("soft", "1"),
        ] {
            fs::write(dir.join(key), value).unwrap();
        }
        let machine = Machine {
            root: root.path().into(),
        };
        let found = of_kernel_named("hci0".into(), &machine);
        assert!(matches!(found, Problem::RadioBlocked), "{found:?}");
    }
}
