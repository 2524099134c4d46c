//! English.

use super::Problem;

pub(super) fn say(problem: &Problem) -> (String, &'static str) {
    use Problem::*;
    match problem {
        SettingsGood { store, gateway } => (format!("Store {store}, gateway {gateway}."), ""),
        SettingsUnreadable { path, why, .. } => (
            format!("{} cannot be read: {why}.", path.display()),
            "Is the path right, and may this user read the file?",
        ),
        SettingsWrong {
            path,
            line,
            key,
            what,
            ..
        } => (
            format!("{}, line {line}: {key}: {what}.", path.display()),
            "Mend this line; then ask again.",
        ),
        NotSealed => (
            "Sightings are not sealed (plain = true): who has this disk or the broker reads who was where."
                .into(),
            "Done looking for faults? Put trust and key back into [seal]; the server gives them out.",
        ),
        SettingsLocal => (
            "local_settings is set: what the server tells is ignored.".into(),
            "",
        ),
        SettingsInForce { version: None } => {
            ("This file's are in force, and nothing else.".into(), "")
        }
        SettingsInForce {
            version: Some(version),
        } => (
            format!("With version {version} of the server's settings in force."),
            "",
        ),
        SettingsTried { version } => (
            format!("The radio of the server's version {version} is being tried."),
            "Within some minutes it is in force, or the one before is back.",
        ),
        SettingsRefused { version, why } => (
            format!("The server's version {version} is refused: {why}."),
            "Nothing changed here. Mend it on the page of this gateway at the server.",
        ),
        SettingsDamaged => (
            "What the server told cannot be read from the disk; this file's settings are in force."
                .into(),
            "It is told again with the next connection. If this comes again, the card wears out.",
        ),
        RadioOn { adapter } => (format!("{adapter} is there, and on."), ""),
        RadioThere { adapter } => (format!("{adapter} is there."), ""),
        RadioOff { adapter } => (
            format!("{adapter} is there, but off."),
            "Switch it on; the gateway then listens by itself.",
        ),
        RadioBlocked => (
            "Bluetooth is blocked in software (rfkill), as by a flight mode.".into(),
            "Take the block away.",
        ),
        RadioSwitchedOff => (
            "Bluetooth is blocked by a switch on the machine (rfkill).".into(),
            "Find the switch or the key for wireless, or look in the BIOS. No command can do it.",
        ),
        RadioMissing {
            adapter, others, ..
        } if others.is_empty() => (
            format!("There is no Bluetooth adapter {adapter}, nor any other."),
            "Is the dongle in? On a Raspberry Pi: dtoverlay=disable-bt must not stand in config.txt.",
        ),
        RadioMissing {
            adapter, others, ..
        } => (
            format!(
                "There is no Bluetooth adapter {adapter}; there is {}.",
                others.join(", ")
            ),
            "Set adapter in [source] to the one that is there.",
        ),
        RawClosed { missing } => (
            format!("A raw socket needs {missing}, which whoever asks here lacks."),
            "The unit has to give the gateway CAP_NET_ADMIN and CAP_NET_RAW: take the marks off both lines\n\
             in it. Whether it does:",
        ),
        BusMissing => (
            "Nobody answers on the D-Bus system bus.".into(),
            "BlueZ is spoken to over it. Start it.",
        ),
        BluezMissing => (
            "The bus is there, but BlueZ (bluetoothd) is not.".into(),
            "Install and start it.",
        ),
        BluezDenied { user, .. } => (
            format!("User {user} may not speak to BlueZ: the bus denies it."),
            "The package's bus policy lets the group welkom-gateway in. Ask again as the gateway's \
             user;\nfor another user, let it into that group.",
        ),
        BluezSilent => (
            "BlueZ does not answer within 3 s: it hangs.".into(),
            "Start it anew; if it hangs again, pull the dongle or restart the machine.",
        ),
        BluezOdd { why } => (
            format!("BlueZ answers with an error: {why}."),
            "See what it says of itself.",
        ),
        StandInThere { what } => (format!("A stand-in takes the radio's place: {what}."), ""),
        StandInMissing { what, why } => (
            format!("A stand-in is to take the radio's place, and cannot be used: {what}: {why}."),
            "Set [source] right, or leave it out: then the machine's own radio is listened to.",
        ),
        DiskGood { free_mb, waiting } => (
            format!("{free_mb} MB are free; {waiting} sightings wait to be sent."),
            "",
        ),
        FolderClosed { dir, user, .. } => (
            format!("User {user} may not write to {}.", dir.display()),
            "Sightings cannot be kept. Give the folder to the gateway's user.",
        ),
        DiskReadOnly { dir } => (
            format!("{} lies on a disk that is read-only.", dir.display()),
            "A disk that was writable is made read-only by the system when it breaks: mostly a worn\n\
             SD card. Replace the card; what the server has is safe.",
        ),
        DiskFull { dir, free_mb, .. } => (
            format!(
                "The disk of {} is full: {free_mb} MB are free.",
                dir.display()
            ),
            "Sightings that find no room are lost. See what takes the room; old logs often do.",
        ),
        DiskBroken { dir, why } => (
            format!("{} cannot be written: {why}.", dir.display()),
            "See what the system says of the disk.",
        ),
        DiskSmall { free_mb, wanted_mb } => (
            format!(
                "{free_mb} MB are free; in a long outage the spool may want {wanted_mb} MB more."
            ),
            "Free some room, or lower bytes_max in [spool].",
        ),
        DiskErrors { disk, errors } => (
            format!("The file system on {disk} has counted {errors} errors."),
            "A worn SD card begins so. Replace it soon.",
        ),
        DiskSlow { sync_ms } => (
            format!("Writing 4 KiB to the disk took {sync_ms} ms."),
            "A worn SD card does that. If it stays so, replace it.",
        ),
        SpoolFilling { percent, waiting } => (
            format!("The spool is {percent} % full; {waiting} sightings wait to be sent."),
            "When it is full the oldest detail goes first. Is the way to the broker good?",
        ),
        SpoolBroken { parts, .. } => (
            format!("{parts} parts of the spool could not be read and are set aside."),
            "The disk lost what it had promised to keep. They are kept as *.corrupt, for people.",
        ),
        ClockGood => ("The clock is set.".into(), ""),
        ClockUnknown => (
            "Nothing on this machine says whether the clock is set; it looks right.".into(),
            "",
        ),
        ClockBeforeBuild { now } => (
            format!("The clock says {now}, which is before this program was made."),
            "Sightings have the server's time all the same, but certificates are not valid yet.\n\
             Let the machine set its clock from the network (UDP port 123 must be open).",
        ),
        ClockUnsynchronised => (
            "The clock is not set from the network.".into(),
            "Sightings have the server's time all the same; certificates need the right day.",
        ),
        ClockOff { off_s, behind } => (
            format!(
                "The clock is {off_s} s {} the server's.",
                if *behind { "behind" } else { "ahead of" }
            ),
            "Sightings have the server's time all the same; the log has not.",
        ),
        BrokerGood { host, port, tls } => (
            format!(
                "{host}:{port} lets this gateway in{}.",
                if *tls { ", over TLS" } else { "" }
            ),
            "",
        ),
        NameUnknown { host, .. } => (
            format!("Nobody knows the name {host} (DNS)."),
            "Is host in [mqtt] right? Does this network have a name server?",
        ),
        PortRefused { host, port, .. } => (
            format!("{host} is there, but nobody listens on port {port}."),
            "Does the server run? Is port in [mqtt] right? (Mostly 8883 with TLS, 1883 without.)",
        ),
        HostSilent { host, port, .. } => (
            format!("{host} does not answer on port {port}."),
            "A firewall in between, another network, or a machine that is off.",
        ),
        TlsUntrusted { host, .. } => (
            format!("{host} shows a certificate that ca_file does not vouch for."),
            "Fetch the server's ca.pem anew (data_dir/tls/ca.pem there), over a way that you trust.",
        ),
        TlsWrongName { host, names } => (
            format!("The certificate is for {names}, not for {host}."),
            "Set host in [mqtt] to a name of the certificate, or the server's [http] names to this one\n\
             (then its data_dir/tls must be made anew).",
        ),
        TlsNotYet => (
            "By this machine's clock the broker's certificate is not valid yet.".into(),
            "Most likely the clock is behind.",
        ),
        TlsExpired { .. } => (
            "The broker's certificate has expired.".into(),
            "Renew it at the server; if its date is fine, this machine's clock is ahead.",
        ),
        TlsNotSpoken { host, port } => (
            format!("{host}:{port} does not speak TLS."),
            "The port with TLS is mostly 8883. Without TLS the password can be read by others.",
        ),
        TlsOdd { why, .. } => (
            format!("No TLS connection comes about: {why}."),
            "See what the other side shows.",
        ),
        LoginRefused { user: None, .. } => (
            "The broker wants a user name and a password.".into(),
            "Set username and password_file in [mqtt]; the server gives both out, once.",
        ),
        LoginRefused {
            user: Some(user), ..
        } => (
            format!("The broker refuses user {user}: unknown, or another password."),
            "With an admin's key the server gives out a new password; the old one ends.",
        ),
        MqttOdd { why } => (
            format!("There is a listener, but no MQTT connection comes about: {why}."),
            "Is it the broker's port? A port with TLS wants tls in [mqtt].",
        ),
        PasswordInClear { host } => (
            format!("The password goes to {host} without encryption."),
            "Use the port with TLS, and tls = { ca_file = \"ca.pem\" } in [mqtt].",
        ),
    }
}
