//! What is said of each finding, in each language: what is the matter, and what to do.

use super::Problem;

/// A language of the health page; a terminal is spoken to in English, as the whole program does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// Dutch.
    Dutch,
}

impl Problem {
    /// What is the matter, and what to do about it.
    pub fn say(&self, language: Language) -> (String, Option<String>) {
        let (what, todo) = match language {
            Language::English => english(self),
            Language::Dutch => dutch(self),
        };
        (what, (!todo.is_empty()).then(|| todo.to_owned()))
    }
}

fn english(problem: &Problem) -> (String, &'static str) {
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
        RadioOn { adapter } => (format!("{adapter} is there, and on."), ""),
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
        StandInThere { what } => (format!("{what} takes the radio's place."), ""),
        StandInMissing { what, why } => (
            format!("{what} takes the radio's place, and is not there: {why}."),
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
            "With an admin's or manager's key the server gives out a new password; the old one ends.",
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

fn dutch(problem: &Problem) -> (String, &'static str) {
    use Problem::*;
    match problem {
        SettingsGood { store, gateway } => (format!("Winkel {store}, gateway {gateway}."), ""),
        SettingsUnreadable { path, why, .. } => (
            format!("{} is niet te lezen: {why}.", path.display()),
            "Klopt het pad, en mag deze gebruiker het bestand lezen?",
        ),
        SettingsWrong {
            path,
            line,
            key,
            what,
            ..
        } => (
            format!("{}, regel {line}: {key}: {what}.", path.display()),
            "Verbeter deze regel en vraag het opnieuw.",
        ),
        RadioOn { adapter } => (format!("{adapter} is er, en staat aan."), ""),
        RadioOff { adapter } => (
            format!("{adapter} is er, maar staat uit."),
            "Zet hem aan; de gateway luistert dan vanzelf weer.",
        ),
        RadioBlocked => (
            "Bluetooth is softwarematig geblokkeerd (rfkill), zoals bij een vliegtuigstand.".into(),
            "Hef de blokkade op.",
        ),
        RadioSwitchedOff => (
            "Bluetooth is geblokkeerd met een schakelaar op het apparaat (rfkill).".into(),
            "Zoek de schakelaar of toets voor draadloos, of kijk in het BIOS. Met een opdracht kan het niet.",
        ),
        RadioMissing {
            adapter, others, ..
        } if others.is_empty() => (
            format!("Er is geen Bluetooth-adapter {adapter}, en ook geen andere."),
            "Zit de dongle erin? Op een Raspberry Pi: dtoverlay=disable-bt mag niet in config.txt staan.",
        ),
        RadioMissing {
            adapter, others, ..
        } => (
            format!(
                "Er is geen Bluetooth-adapter {adapter}; wel {}.",
                others.join(", ")
            ),
            "Zet adapter in [source] op de adapter die er wel is.",
        ),
        BusMissing => (
            "Op de systeembus (D-Bus) antwoordt niemand.".into(),
            "Daarover gaat het gesprek met BlueZ. Start hem.",
        ),
        BluezMissing => (
            "De bus is er, maar BlueZ (bluetoothd) niet.".into(),
            "Installeer en start het.",
        ),
        BluezDenied { user, .. } => (
            format!("Gebruiker {user} mag niet met BlueZ praten: de bus weigert."),
            "Het beleid van het pakket laat de groep welkom-gateway toe. Vraag het als de gebruiker van\n\
             de gateway, of neem deze gebruiker op in die groep.",
        ),
        BluezSilent => (
            "BlueZ antwoordt niet binnen 3 s: het hangt.".into(),
            "Start het opnieuw; hangt het weer, trek dan de dongle eruit of herstart het apparaat.",
        ),
        BluezOdd { why } => (
            format!("BlueZ antwoordt met een fout: {why}."),
            "Kijk wat het er zelf over zegt.",
        ),
        StandInThere { what } => (format!("{what} staat in plaats van de radio."), ""),
        StandInMissing { what, why } => (
            format!("{what} staat in plaats van de radio, en is er niet: {why}."),
            "Zet [source] goed, of laat het weg: dan luistert de gateway naar de eigen radio.",
        ),
        DiskGood { free_mb, waiting } => (
            format!("{free_mb} MB vrij; {waiting} waarnemingen wachten op verzending."),
            "",
        ),
        FolderClosed { dir, user, .. } => (
            format!("Gebruiker {user} mag niet schrijven in {}.", dir.display()),
            "Waarnemingen kunnen niet worden bewaard. Geef de map aan de gebruiker van de gateway.",
        ),
        DiskReadOnly { dir } => (
            format!(
                "{} staat op een schijf waar niet op geschreven kan worden.",
                dir.display()
            ),
            "Zo beschermt het systeem een schijf die kapotgaat: meestal een versleten SD-kaart.\n\
             Vervang de kaart; wat de server heeft is veilig.",
        ),
        DiskFull { dir, free_mb, .. } => (
            format!("De schijf van {} is vol: {free_mb} MB vrij.", dir.display()),
            "Waarnemingen waarvoor geen plaats is gaan verloren. Kijk wat de ruimte inneemt; vaak oude logs.",
        ),
        DiskBroken { dir, why } => (
            format!("In {} kan niet worden geschreven: {why}.", dir.display()),
            "Kijk wat het systeem over de schijf zegt.",
        ),
        DiskSmall { free_mb, wanted_mb } => (
            format!(
                "{free_mb} MB vrij; bij een lange storing kan de wachtrij nog {wanted_mb} MB willen."
            ),
            "Maak ruimte, of verlaag bytes_max in [spool].",
        ),
        DiskErrors { disk, errors } => (
            format!("Het bestandssysteem op {disk} heeft {errors} fouten geteld."),
            "Zo begint een versleten SD-kaart. Vervang hem binnenkort.",
        ),
        DiskSlow { sync_ms } => (
            format!("4 KiB naar de schijf schrijven duurde {sync_ms} ms."),
            "Dat doet een versleten SD-kaart. Vervang hem als het zo blijft.",
        ),
        SpoolFilling { percent, waiting } => (
            format!(
                "De wachtrij is voor {percent} % vol; {waiting} waarnemingen wachten op verzending."
            ),
            "Is hij vol, dan gaat het oudste detail het eerst weg. Is de weg naar de broker goed?",
        ),
        SpoolBroken { parts, .. } => (
            format!("{parts} delen van de wachtrij waren niet te lezen en zijn apart gezet."),
            "De schijf verloor wat hij beloofd had te bewaren. Ze staan er nog als *.corrupt.",
        ),
        ClockGood => ("De klok staat goed.".into(), ""),
        ClockUnknown => (
            "Niets op dit apparaat zegt of de klok gelijk is gezet; hij lijkt goed.".into(),
            "",
        ),
        ClockBeforeBuild { now } => (
            format!("De klok zegt {now}; toen was dit programma nog niet gemaakt."),
            "Waarnemingen krijgen toch de tijd van de server, maar certificaten zijn nog niet geldig.\n\
             Laat het apparaat zijn klok van het netwerk halen (UDP-poort 123 moet open zijn).",
        ),
        ClockUnsynchronised => (
            "De klok wordt niet door het netwerk gelijk gezet.".into(),
            "Waarnemingen krijgen toch de tijd van de server; certificaten hebben de juiste dag nodig.",
        ),
        ClockOff { off_s, behind } => (
            format!(
                "De klok loopt {off_s} s {} op de server.",
                if *behind { "achter" } else { "voor" }
            ),
            "Waarnemingen krijgen toch de tijd van de server; het logboek niet.",
        ),
        BrokerGood { host, port, tls } => (
            format!(
                "{host}:{port} laat deze gateway binnen{}.",
                if *tls { ", via TLS" } else { "" }
            ),
            "",
        ),
        NameUnknown { host, .. } => (
            format!("Niemand kent de naam {host} (DNS)."),
            "Klopt host in [mqtt]? Heeft dit netwerk een naamserver?",
        ),
        PortRefused { host, port, .. } => (
            format!("{host} is er, maar op poort {port} luistert niemand."),
            "Draait de server? Klopt port in [mqtt]? (Meestal 8883 met TLS, 1883 zonder.)",
        ),
        HostSilent { host, port, .. } => (
            format!("{host} antwoordt niet op poort {port}."),
            "Een firewall ertussen, een ander netwerk, of een machine die uit staat.",
        ),
        TlsUntrusted { host, .. } => (
            format!("{host} toont een certificaat waar ca_file niet voor instaat."),
            "Haal ca.pem opnieuw van de server (daar data_dir/tls/ca.pem), langs een weg die u vertrouwt.",
        ),
        TlsWrongName { host, names } => (
            format!("Het certificaat is voor {names}, niet voor {host}."),
            "Zet host in [mqtt] op een naam van het certificaat, of voeg deze naam toe aan [http] names van\n\
             de server (dan moet zijn data_dir/tls opnieuw worden gemaakt).",
        ),
        TlsNotYet => (
            "Volgens de klok van dit apparaat is het certificaat van de broker nog niet geldig."
                .into(),
            "Waarschijnlijk loopt de klok achter.",
        ),
        TlsExpired { .. } => (
            "Het certificaat van de broker is verlopen.".into(),
            "Vernieuw het op de server; klopt de datum daar, dan loopt deze klok voor.",
        ),
        TlsNotSpoken { host, port } => (
            format!("{host}:{port} spreekt geen TLS."),
            "De poort met TLS is meestal 8883. Zonder TLS kunnen anderen het wachtwoord lezen.",
        ),
        TlsOdd { why, .. } => (
            format!("Er komt geen TLS-verbinding tot stand: {why}."),
            "Kijk wat de andere kant laat zien.",
        ),
        LoginRefused { user: None, .. } => (
            "De broker wil een gebruikersnaam en een wachtwoord.".into(),
            "Zet username en password_file in [mqtt]; de server geeft beide één keer uit.",
        ),
        LoginRefused {
            user: Some(user), ..
        } => (
            format!("De broker weigert gebruiker {user}: onbekend, of een ander wachtwoord."),
            "Met de sleutel van een beheerder geeft de server een nieuw wachtwoord uit; het oude vervalt.",
        ),
        MqttOdd { why } => (
            format!("Er luistert iemand, maar er komt geen MQTT-verbinding tot stand: {why}."),
            "Is het de poort van de broker? Een poort met TLS wil tls in [mqtt].",
        ),
        PasswordInClear { host } => (
            format!("Het wachtwoord gaat onversleuteld naar {host}."),
            "Gebruik de poort met TLS, en tls = { ca_file = \"ca.pem\" } in [mqtt].",
        ),
    }
}
