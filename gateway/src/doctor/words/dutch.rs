//! Dutch, for the health page.

use protocol::settings::Why;

use super::Problem;

pub(super) fn say(problem: &Problem) -> (String, &'static str) {
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
        NotSealed => (
            "Waarnemingen worden niet verzegeld (plain = true): wie deze schijf of de broker heeft, leest wie waar was."
                .into(),
            "Klaar met zoeken? Zet in [seal] weer trust en key; de server geeft ze.",
        ),
        SettingsLocal => (
            "local_settings staat aan: wat de server zegt telt niet.".into(),
            "",
        ),
        SettingsInForce { version: None } => ("Die van dit bestand gelden, en niets anders.".into(), ""),
        SettingsInForce {
            version: Some(version),
        } => (
            format!("Versie {version} van de instellingen van de server geldt."),
            "",
        ),
        SettingsTried { version } => (
            format!("De radio van versie {version} van de server wordt geprobeerd."),
            "Binnen enkele minuten geldt die, of is de vorige terug.",
        ),
        SettingsRefused { version, why } => (
            format!("Versie {version} van de server is geweigerd: {}.", why_not(why)),
            "Hier veranderde niets. Verbeter het op de pagina van deze gateway op de server.",
        ),
        SettingsDamaged => (
            "Wat de server zei is niet van de schijf te lezen; de instellingen van dit bestand gelden."
                .into(),
            "Bij de volgende verbinding wordt het opnieuw gezegd. Komt dit terug, dan slijt de kaart.",
        ),
        RadioOn { adapter } => (format!("{adapter} is er, en staat aan."), ""),
        RadioThere { adapter } => (format!("{adapter} is er."), ""),
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
        RawClosed { missing } => (
            format!("Een raw socket vraagt {missing}; wie dit nu vraagt, heeft dat niet."),
            "De unit moet de gateway CAP_NET_ADMIN en CAP_NET_RAW geven: haal in de unit het teken voor\n\
             beide regels weg. Of dat zo is:",
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
        StandInThere { what } => (format!("In plaats van de radio: {what}."), ""),
        StandInMissing { what, why } => (
            format!("In plaats van de radio, maar niet te gebruiken: {what}: {why}."),
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

/// Why settings of the server were refused.
fn why_not(why: &Why) -> String {
    match why {
        Why::NoTrust => {
            "in het bestand staat seal.plain = true, dus telt alleen dat bestand".into()
        }
        Why::Local => "deze gateway is gestart met --local-settings".into(),
        Why::Signature => "niet ondertekend door wie het bestand vertrouwt".into(),
        Why::NotForUs => "bedoeld voor een andere gateway".into(),
        Why::Older { known } => format!("versie {known} is al bekend, dus deze is oud"),
        Why::Wrong { key, what } => format!("{key}: {what}"),
        Why::NoAdapter { adapter } => format!("deze machine heeft geen adapter {adapter}"),
        Why::HeardNothing { minutes } => format!("{minutes} min niets gehoord"),
        Why::RadioEnded { what } => format!("de radio hield op: {what}"),
        Why::Interrupted { times } => format!("de gateway stopte {times} keer tijdens de proef"),
        Why::NotWritten { what } => format!("niet op te schrijven: {what}"),
        Why::Other => "om een reden die dit programma niet kent".into(),
    }
}
