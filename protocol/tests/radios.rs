//! What other radios say: `KIND_x.json` under `KIND_x.topic` comes to `KIND_x.expected`, one line
//! for each advertisement; `reject_KIND_x.json` is refused with the words of its `expected_error`.
//! Written from the formats' documentation, with identities of our own.

use std::{collections::BTreeMap, fs, path::Path};

use protocol::{
    air,
    radio::{self, RadioKind},
};

fn said(kind: RadioKind, topic: &str, payload: &[u8]) -> Result<String, radio::RadioError> {
    let adverts = radio::decode(kind, topic, payload)?;
    let lines = adverts.iter().map(|advert| {
        let frame = air::decode(advert.ad.as_bytes());
        let who = match frame {
            Ok(frame) => frame
                .transmitter()
                .map_or("nobody".into(), |t| t.to_string()),
            Err(why) => why.to_string(),
        };
        let heard = advert.heard_ms.map_or("-".into(), |ms| ms.to_string());
        format!("{who} {} {heard}", advert.rssi_dbm)
    });
    Ok(lines.collect::<Vec<_>>().join("\n"))
}

#[test]
fn each_fixture_comes_to_what_it_should() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures-radios");
    let mut seen: BTreeMap<(RadioKind, bool), usize> = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "json") {
            continue;
        }
        let name = path.file_stem().unwrap().to_str().unwrap();
        let rejected = name.strip_prefix("reject_");
        let kind = rejected.unwrap_or(name).split('_').next().unwrap();
        let kind: RadioKind = kind.parse().unwrap();
        let read = |ending: &str| fs::read_to_string(path.with_extension(ending)).unwrap();
        let topic = read("topic");
        let said = said(kind, topic.trim(), &fs::read(&path).unwrap());
        match rejected {
            None => assert_eq!(said.as_deref(), Ok(read("expected").trim()), "{name}"),
            Some(_) => {
                let why = said.unwrap_err().to_string();
                assert_eq!(why, read("expected_error").trim(), "{name}");
            }
        }
        *seen.entry((kind, rejected.is_some())).or_default() += 1;
    }
    for kind in RadioKind::ALL {
        for rejected in [false, true] {
            let count = seen.get(&(kind, rejected)).copied().unwrap_or(0);
            assert!(count >= 2, "{kind}, rejected {rejected}: {count} fixtures");
        }
    }
}
