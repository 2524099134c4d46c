//! Real advertisements: payloads that other projects' tests hold, and recordings of phones. They
//! are not ours to pass on, so they lie outside of this workspace, where `WELKOM_DATA` points.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::Context;
use e2e::{
    harness::{Tool, data, test},
    rig::program,
};
use libtest_mimic::Trial;
use serde::Deserialize;
use serde_json::{Map, Value};

pub(crate) fn tests() -> Vec<Trial> {
    const NEEDS: &[Tool] = &[Tool::Data];
    vec![
        test("decode_says_what_each_known_payload_is", NEEDS, vectors),
        test(
            "replay_gives_each_report_of_each_recording",
            NEEDS,
            recordings,
        ),
    ]
}

/// Payloads of beacons' layouts that are decoded otherwise than their source expects, by the end
/// of the source's name, and why we are right.
const DEVIATIONS: [(&str, &str); 3] = [
    (
        "#testReEncodesBeaconForEddystoneTelemetry",
        "the structure claims more bytes than there are, and version 1 is encrypted telemetry",
    ),
    (
        "#testParseGattIdentifierThatRunsOverPduLength",
        "refused there for an identifier of fixed length; as Eddystone-URL it is whole",
    ),
    (
        "#test_eddystone_tlm_enc",
        "the structure's length leaves salt and check out; and the source reads them little-endian",
    ),
];

/// Sensors that advertise a real iBeacon, with their measurements in its numbers: by its layout
/// nobody can tell. They are kept out by their UUID, which is no chain's.
const SENSORS_AS_IBEACON: [&str; 8] = [
    "BM2",
    "BM6",
    "ABTemp",
    "TILT",
    "RDL52832",
    "TheengsIB01",
    "TheengsIB02",
    "IBEACON",
];

#[derive(Deserialize)]
struct Vector {
    source: String,
    format: String,
    #[serde(default)]
    expected: Map<String, Value>,
}

async fn vectors() -> anyhow::Result<()> {
    let mut files: Vec<PathBuf> = files(&data()?.join("vectors"), "jsonl")?;
    files.sort();
    let mut text = String::new();
    for file in &files {
        text += &std::fs::read_to_string(file)?;
    }
    let said = decode(&text)?;
    let lines: Vec<&str> = text.lines().collect();
    anyhow::ensure!(
        said.len() == lines.len(),
        "{} lines for {}",
        said.len(),
        lines.len()
    );
    let (mut wrong, mut deviations, mut compared) = (Vec::new(), 0, 0);
    for (line, said) in lines.iter().zip(&said) {
        let vector: Vector = serde_json::from_str(line)?;
        let faults = compare(&vector, said);
        compared += usize::from(layout(&vector.format).is_some());
        if faults.is_empty() {
            continue;
        }
        if DEVIATIONS
            .iter()
            .any(|(source, _)| vector.source.ends_with(source))
        {
            deviations += 1;
        } else {
            wrong.push(format!(
                "{} {}: {faults:?}: {said}",
                vector.source, vector.format
            ));
        }
    }
    anyhow::ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    anyhow::ensure!(deviations == DEVIATIONS.len(), "{deviations} deviations");
    println!(
        "{compared} payloads of beacons' layouts compared, {deviations} deviations, all named"
    );
    Ok(())
}

fn decode(text: &str) -> anyhow::Result<Vec<Value>> {
    let mut child = Command::new(program()?)
        .args(["part-gateway", "decode"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("start decode")?;
    let mut stdin = child.stdin.take().context("no stdin")?;
    let text = text.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(text.as_bytes()));
    let output = child.wait_with_output().context("wait for decode")?;
    let written = writer
        .join()
        .map_err(|_| anyhow::anyhow!("the writer panicked"))?;
    written.context("write to decode")?;
    anyhow::ensure!(output.status.success(), "{}", output.status);
    json_lines(&output.stdout)
}

fn json_lines(bytes: &[u8]) -> anyhow::Result<Vec<Value>> {
    let lines = bytes.split(|b| *b == b'\n').filter(|line| !line.is_empty());
    Ok(lines
        .map(serde_json::from_slice)
        .collect::<Result<_, _>>()?)
}

/// The frame that a format's vectors hold; none: it is not one of a beacon.
fn layout(format: &str) -> Option<&'static str> {
    Some(match format {
        "ibeacon" => "ibeacon",
        "altbeacon" => "altbeacon",
        "eddystone_uid" => "eddystone-uid",
        "eddystone_url" => "eddystone-url",
        "eddystone_tlm" => "eddystone-tlm",
        "eddystone_etlm" => "eddystone-etlm",
        "eddystone_eid" => "eddystone-eid",
        _ => return None,
    })
}

/// The names that sources give to our fields.
const FIELDS: [(&str, &str); 15] = [
    ("uuid", "uuid"),
    ("major", "major"),
    ("minor", "minor"),
    ("tx_power", "tx_power_dbm"),
    ("tx_power_0m", "tx_power_dbm"),
    ("company_id", "company_id"),
    ("mfg_reserved", "mfg_reserved"),
    ("namespace", "namespace"),
    ("instance", "instance"),
    ("url", "url"),
    ("eid", "eid"),
    ("battery_mv", "battery_mv"),
    ("temperature_c", "temperature_c"),
    ("adv_count", "adv_count"),
    ("uptime_ms", "uptime_ms"),
];

fn compare(vector: &Vector, said: &Value) -> Vec<String> {
    let frame = said["frame"].as_str().unwrap_or_default();
    let Some(layout) = layout(&vector.format) else {
        return strangers(vector, frame);
    };
    let expected = &vector.expected;
    let recognised = expected
        .get("recognised")
        .and_then(Value::as_bool)
        .unwrap_or(true);
    if recognised != (frame == layout) {
        return vec![format!(
            "{layout} was {}expected",
            if recognised { "" } else { "not " }
        )];
    }
    let of_frame = FIELDS.iter().filter(|_| recognised);
    of_frame
        .filter_map(|(theirs, ours)| {
            let wanted = expected.get(*theirs).filter(|value| !value.is_null())?;
            let equal = match (wanted.as_f64(), said[*ours].as_f64()) {
                (Some(wanted), Some(got)) => (wanted - got).abs() < 1e-9,
                _ => *wanted == said[*ours],
            };
            (!equal).then(|| format!("{theirs}: {wanted} expected, {}", said[*ours]))
        })
        .collect()
}

/// What is in no beacon's layout must not be taken for one. Some formats here are beacons' all the
/// same: sensors in Eddystone-URLs, and vectors of another feature made with a beacon's payload.
fn strangers(vector: &Vector, frame: &str) -> Vec<String> {
    let allowed: &[&str] = match vector.format.as_str() {
        "ruuvi_url_v2" | "ruuvi_url_v4" | "ruuvi_format_2" | "ruuvi_format_4" => &["eddystone-url"],
        "ll_pdu_adv_nonconn_ind" => &["eddystone-url"],
        "ad_structures" => &["foreign", "malformed", "eddystone-uid"],
        "custom_layout" | "exposure_notification" => &["foreign", "altbeacon"],
        format if SENSORS_AS_IBEACON.contains(&format) => &["ibeacon"],
        _ => &["foreign", "malformed"],
    };
    if allowed.contains(&frame) {
        Vec::new()
    } else {
        vec![format!("taken for {frame}")]
    }
}

async fn recordings() -> anyhow::Result<()> {
    let files = files(&data()?.join("captures"), "btsnoop")?;
    anyhow::ensure!(!files.is_empty(), "no recordings");
    let mut reports = 0;
    for file in files {
        let output = Command::new(program()?)
            .args(["part-gateway", "replay", "--json"])
            .arg(&file)
            .output()
            .context("run replay")?;
        anyhow::ensure!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let said = json_lines(&output.stdout)?;
        let expected = expected_reports(&file)?;
        anyhow::ensure!(
            said.len() == expected.len(),
            "{}: {} reports",
            file.display(),
            said.len()
        );
        for (said, expected) in said.iter().zip(&expected) {
            let report = Report {
                ts_us: said["ts_us"].as_i64().unwrap_or_default(),
                extended: said["extended"] == true,
                address: said["address"]
                    .as_str()
                    .unwrap_or_default()
                    .replace(':', ""),
                rssi_dbm: said["rssi_dbm"].as_i64().unwrap_or(127),
                ad_hex: said["ad_hex"].as_str().unwrap_or_default().to_owned(),
            };
            anyhow::ensure!(
                report == *expected,
                "{}: {report:?}, not {expected:?}",
                file.display()
            );
        }
        reports += said.len();
    }
    println!("{reports} reports equal to the byte");
    Ok(())
}

#[derive(Debug, PartialEq)]
struct Report {
    ts_us: i64,
    extended: bool,
    address: String,
    rssi_dbm: i64,
    ad_hex: String,
}

/// `ts_unix_s,event,event_type,addr,rssi_dbm,ad_hex`
fn expected_reports(recording: &Path) -> anyhow::Result<Vec<Report>> {
    let mut table = recording.as_os_str().to_owned();
    table.push(".adv_reports.csv.gz");
    let output = Command::new("gzip")
        .arg("-dc")
        .arg(&table)
        .output()
        .context("run gzip")?;
    let text = String::from_utf8(output.stdout)?;
    let read = |line: &str| {
        let mut cells = line.split(',');
        let mut cell = || cells.next().context("a cell is missing");
        let (time, event, _kind) = (cell()?, cell()?, cell()?);
        let (seconds, micros) = time.split_once('.').context("no fraction")?;
        Ok(Report {
            ts_us: seconds.parse::<i64>()? * 1_000_000 + micros.parse::<i64>()?,
            extended: event == "ext",
            address: cell()?.to_owned(),
            rssi_dbm: cell()?.parse()?,
            ad_hex: cell()?.to_owned(),
        })
    };
    text.lines().skip(1).map(read).collect()
}

fn files(dir: &Path, extension: &str) -> anyhow::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(dir).with_context(|| format!("list {}", dir.display()))?;
    let paths = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let right = |path: &PathBuf| path.extension().is_some_and(|e| e == extension);
    Ok(paths.into_iter().filter(right).collect())
}
