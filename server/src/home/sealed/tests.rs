//! That the copy comes back, that it says nothing, and that a cut one is the state before.

use super::*;

struct Rig {
    dir: tempfile::TempDir,
    db: Connection,
    sealer: Sealer,
}

impl Rig {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let database = dir.path().join("memory/db");
        fs::create_dir(dir.path().join("memory")).unwrap();
        let key = MasterKey::load(&dir.path().join("key")).unwrap();
        let sealer = Sealer::new(key, &database, &dir.path().join("sealed"));
        let db = store::open_writer(&database).unwrap();
        sealer.prepare(&db).unwrap();
        db.execute_batch("CREATE TABLE words (word TEXT)").unwrap();
        Self { dir, db, sealer }
    }

    fn write(&mut self, word: &str) {
        self.db
            .execute("INSERT INTO words VALUES (?1)", [word])
            .unwrap();
        self.sealer.seal(&self.db).unwrap();
    }

    fn sealed(&self) -> PathBuf {
        self.dir.path().join("sealed")
    }

    /// The machine lost its power: what was in memory is gone. What comes back?
    fn after_power_loss(&self) -> Result<Vec<String>, SealError> {
        let dir = tempfile::tempdir().unwrap();
        let database = dir.path().join("db");
        let key = MasterKey::load(&self.dir.path().join("key"))?;
        if !Sealer::new(key, &database, &self.sealed()).restore()? {
            return Ok(Vec::new());
        }
        let db = store::open_writer(&database)?;
        let mut words = db
            .prepare("SELECT word FROM words")
            .map_err(StoreError::from)?;
        let rows = words
            .query_map([], |row| row.get(0))
            .map_err(StoreError::from)?;
        Ok(rows.map(Result::unwrap).collect())
    }
}

#[test]
fn every_commit_comes_back_after_a_loss_of_power() {
    let mut rig = Rig::new();
    for n in 0..50 {
        rig.write(&format!("word {n}"));
        let back = rig.after_power_loss().unwrap();
        assert_eq!(
            (back.len(), back.last()),
            (n + 1, Some(&format!("word {n}")))
        );
    }
}

#[test]
fn a_long_log_is_folded_in_and_comes_back_all_the_same() {
    let mut rig = Rig::new();
    let long = "x".repeat(400_000);
    for _ in 0..60 {
        rig.write(&long);
    }
    let log_len = fs::metadata(rig.sealer.log_path()).unwrap().len();
    assert!(log_len < LOG_LEN_MAX, "{log_len}");
    assert_eq!(rig.after_power_loss().unwrap().len(), 60);
}

#[test]
fn a_log_that_somebody_reads_from_is_sealed_as_it_is() {
    let mut rig = Rig::new();
    rig.write("before");
    let reader = store::open_reader(&rig.sealer.database).unwrap();
    reader.execute_batch("BEGIN; SELECT * FROM words;").unwrap();
    rig.sealer.open = None;
    rig.write("after");
    assert_eq!(rig.after_power_loss().unwrap(), ["before", "after"]);
}

#[test]
fn what_was_rolled_back_does_not_hide_what_came_after() {
    let mut rig = Rig::new();
    rig.db.pragma_update(None, "cache_size", 1).unwrap();
    rig.write("before");
    let long = "x".repeat(1_000_000);
    rig.db.execute_batch("BEGIN").unwrap();
    rig.db
        .execute("INSERT INTO words VALUES (?1)", [&long])
        .unwrap();
    rig.sealer.seal(&rig.db).unwrap();
    rig.db.execute_batch("ROLLBACK").unwrap();
    rig.write("after");
    assert_eq!(rig.after_power_loss().unwrap(), ["before", "after"]);
}

#[test]
fn the_copy_says_nothing_and_a_changed_byte_ends_it() {
    let mut rig = Rig::new();
    rig.write("Mevrouw De Vries");
    let sealed = fs::read(rig.sealed()).unwrap();
    let is_in = |word: &[u8]| sealed.windows(word.len()).any(|part| part == word);
    assert!(!is_in(b"De Vries") && !is_in(b"SQLite format"));
    let mut changed = sealed.clone();
    let last = changed.len() - 1;
    changed[last] ^= 1;
    fs::write(rig.sealed(), &changed).unwrap();
    let back = rig.after_power_loss();
    assert!(
        back.as_ref().is_ok_and(Vec::is_empty) || back.is_err(),
        "{back:?}"
    );
}

#[test]
fn a_record_that_was_cut_is_left_out_and_those_before_come_back() {
    let mut rig = Rig::new();
    rig.write("one");
    let whole = fs::read(rig.sealed()).unwrap().len();
    rig.write("two");
    let sealed = fs::read(rig.sealed()).unwrap();
    for len in whole..sealed.len() {
        fs::write(rig.sealed(), &sealed[..len]).unwrap();
        assert_eq!(
            rig.after_power_loss().unwrap(),
            ["one"],
            "cut to {len} bytes"
        );
    }
}

#[test]
fn another_key_is_told_and_not_taken_for_an_empty_store() {
    let mut rig = Rig::new();
    rig.write("one");
    fs::write(rig.dir.path().join("key"), hex::encode([7; 32])).unwrap();
    let said = rig.after_power_loss().unwrap_err().to_string();
    assert!(said.contains("sealed with another key"), "{said}");
}

#[test]
fn the_key_is_for_this_user_alone() {
    use std::os::unix::fs::PermissionsExt;
    let rig = Rig::new();
    let mode = fs::metadata(rig.dir.path().join("key"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}
