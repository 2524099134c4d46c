//! What can be found, with how bad it is and what to type.
//!
//! The words stand in `words.rs`, in each language.

use std::path::PathBuf;

use protocol::settings::Why;
use serde::Serialize;

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Check {
    /// The file of settings.
    Settings,
    /// Adapter, rfkill, BlueZ and its bus; or what takes the radio's place.
    Radio,
    /// The spool's folder and what lies in it.
    Disk,
    /// The machine's own clock.
    Clock,
    /// The way to the server.
    Broker,
}

impl Check {
    /// As people read it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Settings => "Settings",
            Self::Radio => "Radio",
            Self::Disk => "Disk",
            Self::Clock => "Clock",
            Self::Broker => "Broker",
        }
    }
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Nothing to do.
    Good,
    /// It works, but not for ever.
    Look,
    /// It does not work.
    Wrong,
}

impl Level {
    /// As people read it: not by its colour alone.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Look => "look",
            Self::Wrong => "WRONG",
        }
    }
}

/// One finding; some are good.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "words.rs says in two languages what each means"
)]
pub enum Problem {
    SettingsGood {
        store: String,
        gateway: String,
    },
    SettingsUnreadable {
        path: PathBuf,
        why: String,
        command: String,
    },
    SettingsWrong {
        path: PathBuf,
        line: usize,
        key: String,
        what: String,
        command: String,
    },
    NotSealed,
    SettingsLocal,
    SettingsInForce {
        version: Option<u64>,
    },
    SettingsTried {
        version: u64,
    },
    SettingsRefused {
        version: u64,
        why: Why,
    },
    SettingsDamaged,

    RadioOn {
        adapter: String,
    },
    RadioThere {
        adapter: String,
    },
    RadioOff {
        adapter: String,
    },
    RadioBlocked,
    RadioSwitchedOff,
    RadioMissing {
        adapter: String,
        others: Vec<String>,
        command: String,
    },
    RawClosed {
        missing: String,
    },
    BusMissing,
    BluezMissing,
    BluezDenied {
        user: String,
        command: String,
    },
    BluezSilent,
    BluezOdd {
        why: String,
    },
    StandInThere {
        what: String,
    },
    StandInMissing {
        what: String,
        why: String,
    },

    DiskGood {
        free_mb: u64,
        waiting: u64,
    },
    FolderClosed {
        dir: PathBuf,
        user: String,
        command: String,
    },
    DiskReadOnly {
        dir: PathBuf,
    },
    DiskFull {
        dir: PathBuf,
        free_mb: u64,
        command: String,
    },
    DiskBroken {
        dir: PathBuf,
        why: String,
    },
    DiskSmall {
        free_mb: u64,
        wanted_mb: u64,
    },
    DiskErrors {
        disk: String,
        errors: u64,
    },
    DiskSlow {
        sync_ms: u64,
    },
    SpoolFilling {
        percent: u64,
        waiting: u64,
    },
    SpoolBroken {
        parts: u64,
        command: String,
    },

    ClockGood,
    ClockUnknown,
    ClockBeforeBuild {
        now: String,
    },
    ClockUnsynchronised,
    ClockOff {
        off_s: u64,
        behind: bool,
    },

    BrokerGood {
        host: String,
        port: u16,
        tls: bool,
    },
    NameUnknown {
        host: String,
        command: String,
    },
    PortRefused {
        host: String,
        port: u16,
        command: String,
    },
    HostSilent {
        host: String,
        port: u16,
        command: String,
    },
    TlsUntrusted {
        host: String,
        command: String,
    },
    TlsWrongName {
        host: String,
        names: String,
    },
    TlsNotYet,
    TlsExpired {
        command: String,
    },
    TlsNotSpoken {
        host: String,
        port: u16,
    },
    TlsOdd {
        why: String,
        command: String,
    },
    LoginRefused {
        user: Option<String>,
        command: String,
    },
    MqttOdd {
        why: String,
    },
    PasswordInClear {
        host: String,
    },
}

impl Problem {
    /// What it belongs to.
    pub fn check(&self) -> Check {
        use Problem::*;
        match self {
            SettingsGood { .. }
            | SettingsUnreadable { .. }
            | SettingsWrong { .. }
            | NotSealed
            | SettingsLocal
            | SettingsInForce { .. }
            | SettingsTried { .. }
            | SettingsRefused { .. }
            | SettingsDamaged => Check::Settings,
            RadioOn { .. }
            | RadioThere { .. }
            | RadioOff { .. }
            | RadioBlocked
            | RadioSwitchedOff
            | RadioMissing { .. }
            | RawClosed { .. }
            | BusMissing
            | BluezMissing
            | BluezDenied { .. }
            | BluezSilent
            | BluezOdd { .. }
            | StandInThere { .. }
            | StandInMissing { .. } => Check::Radio,
            DiskGood { .. }
            | FolderClosed { .. }
            | DiskReadOnly { .. }
            | DiskFull { .. }
            | DiskBroken { .. }
            | DiskSmall { .. }
            | DiskErrors { .. }
            | DiskSlow { .. }
            | SpoolFilling { .. }
            | SpoolBroken { .. } => Check::Disk,
            ClockGood
            | ClockUnknown
            | ClockBeforeBuild { .. }
            | ClockUnsynchronised
            | ClockOff { .. } => Check::Clock,
            BrokerGood { .. }
            | NameUnknown { .. }
            | PortRefused { .. }
            | HostSilent { .. }
            | TlsUntrusted { .. }
            | TlsWrongName { .. }
            | TlsNotYet
            | TlsExpired { .. }
            | TlsNotSpoken { .. }
            | TlsOdd { .. }
            | LoginRefused { .. }
            | MqttOdd { .. }
            | PasswordInClear { .. } => Check::Broker,
        }
    }

    /// How bad it is.
    pub fn level(&self) -> Level {
        use Problem::*;
        match self {
            SettingsGood { .. }
            | SettingsLocal
            | SettingsInForce { .. }
            | RadioOn { .. }
            | RadioThere { .. }
            | StandInThere { .. }
            | DiskGood { .. }
            | ClockGood
            | ClockUnknown
            | BrokerGood { .. } => Level::Good,
            NotSealed
            | SettingsTried { .. }
            | SettingsRefused { .. }
            | SettingsDamaged
            | RawClosed { .. }
            | DiskSmall { .. }
            | DiskErrors { .. }
            | DiskSlow { .. }
            | SpoolFilling { .. }
            | SpoolBroken { .. }
            | ClockUnsynchronised
            | ClockOff { .. }
            | PasswordInClear { .. } => Level::Look,
            _ => Level::Wrong,
        }
    }

    /// A name that stays, for scripts.
    pub fn code(&self) -> &'static str {
        use Problem::*;
        match self {
            SettingsGood { .. } => "settings_good",
            SettingsUnreadable { .. } => "settings_unreadable",
            SettingsWrong { .. } => "settings_wrong",
            NotSealed => "not_sealed",
            SettingsLocal => "settings_local",
            SettingsInForce { .. } => "settings_in_force",
            SettingsTried { .. } => "settings_tried",
            SettingsRefused { .. } => "settings_refused",
            SettingsDamaged => "settings_damaged",
            RadioOn { .. } => "radio_on",
            RadioThere { .. } => "radio_there",
            RadioOff { .. } => "radio_off",
            RadioBlocked => "radio_blocked",
            RadioSwitchedOff => "radio_switched_off",
            RadioMissing { .. } => "radio_missing",
            RawClosed { .. } => "raw_closed",
            BusMissing => "bus_missing",
            BluezMissing => "bluez_missing",
            BluezDenied { .. } => "bluez_denied",
            BluezSilent => "bluez_silent",
            BluezOdd { .. } => "bluez_odd",
            StandInThere { .. } => "stand_in_there",
            StandInMissing { .. } => "stand_in_missing",
            DiskGood { .. } => "disk_good",
            FolderClosed { .. } => "folder_closed",
            DiskReadOnly { .. } => "disk_read_only",
            DiskFull { .. } => "disk_full",
            DiskBroken { .. } => "disk_broken",
            DiskSmall { .. } => "disk_small",
            DiskErrors { .. } => "disk_errors",
            DiskSlow { .. } => "disk_slow",
            SpoolFilling { .. } => "spool_filling",
            SpoolBroken { .. } => "spool_broken",
            ClockGood => "clock_good",
            ClockUnknown => "clock_unknown",
            ClockBeforeBuild { .. } => "clock_before_build",
            ClockUnsynchronised => "clock_unsynchronised",
            ClockOff { .. } => "clock_off",
            BrokerGood { .. } => "broker_good",
            NameUnknown { .. } => "name_unknown",
            PortRefused { .. } => "port_refused",
            HostSilent { .. } => "host_silent",
            TlsUntrusted { .. } => "tls_untrusted",
            TlsWrongName { .. } => "tls_wrong_name",
            TlsNotYet => "tls_not_yet",
            TlsExpired { .. } => "tls_expired",
            TlsNotSpoken { .. } => "tls_not_spoken",
            TlsOdd { .. } => "tls_odd",
            LoginRefused { .. } => "login_refused",
            MqttOdd { .. } => "mqtt_odd",
            PasswordInClear { .. } => "password_in_clear",
        }
    }

    /// What to type, if that helps.
    pub fn command(&self) -> Option<&str> {
        use Problem::*;
        Some(match self {
            RadioOff { .. } => "bluetoothctl power on",
            RadioBlocked => "sudo rfkill unblock bluetooth",
            RawClosed { .. } => "systemctl show welkom-gateway -p AmbientCapabilities",
            BusMissing => "sudo systemctl start dbus",
            BluezMissing => "sudo apt install bluez && sudo systemctl enable --now bluetooth",
            BluezSilent => "sudo systemctl restart bluetooth",
            BluezOdd { .. } => "systemctl status bluetooth",
            DiskReadOnly { .. } | DiskBroken { .. } | DiskErrors { .. } | DiskSlow { .. } => {
                "sudo dmesg | grep -iE 'mmc|ext4|i/o error' | tail"
            }
            ClockBeforeBuild { .. } | ClockUnsynchronised | ClockOff { .. } | TlsNotYet => {
                "sudo timedatectl set-ntp true && timedatectl"
            }
            SettingsUnreadable { command, .. }
            | SettingsWrong { command, .. }
            | RadioMissing { command, .. }
            | BluezDenied { command, .. }
            | FolderClosed { command, .. }
            | DiskFull { command, .. }
            | SpoolBroken { command, .. }
            | NameUnknown { command, .. }
            | PortRefused { command, .. }
            | HostSilent { command, .. }
            | TlsUntrusted { command, .. }
            | TlsExpired { command }
            | TlsOdd { command, .. }
            | LoginRefused { command, .. } => command,
            _ => return None,
        })
    }
}
