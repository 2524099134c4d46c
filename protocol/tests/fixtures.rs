//! Each `reject_X.json` is refused with the words in `reject_X.expected_error`.

use std::{fs, path::Path};

use protocol::message::Batch;

#[test]
fn each_rejected_fixture_says_why() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut seen = 0;
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if !(name.starts_with("reject_") && name.ends_with(".json")) {
            continue;
        }
        let expected = fs::read_to_string(path.with_extension("expected_error")).unwrap();
        let said = Batch::from_json(&fs::read(&path).unwrap())
            .unwrap_err()
            .to_string();
        assert!(said.starts_with(expected.trim()), "{name}: {said}");
        seen += 1;
    }
    assert!(seen >= 7, "only {seen} fixtures found");
}
