use protocol::{AnchorId, Eid, Transmitter};

use super::*;

/// A spool's life: kills, cuts and refusals included.
struct Timeline {
    dir: tempfile::TempDir,
    spool: Option<Spool>,
    now: Monotonic,
    machine_boot: u128,
}

impl Timeline {
    fn new() -> Self {
        let mut timeline = Self {
            dir: tempfile::tempdir().unwrap(),
            spool: None,
            now: Monotonic(1_000),
            machine_boot: 1,
        };
        timeline.start();
        timeline
    }

    fn options(&self) -> SpoolOptions {
        SpoolOptions {
            dir: self.dir.path().into(),
            bytes_max: 16 * 1024,
            segment_bytes: 2 * 1024,
            machine_boot: Uuid::from_u128(self.machine_boot),
            wall_ms: 1_800_000_000_000,
            random: [7; 10],
        }
    }

    fn start(&mut self) -> BootId {
        self.spool = Some(Spool::open(self.options(), Seal::Plain).unwrap());
        self.spool().boot()
    }

    /// Nothing is flushed: as `kill -9` leaves it.
    fn kill(&mut self) -> &mut Self {
        self.spool = None;
        self
    }

    fn spool(&mut self) -> &mut Spool {
        self.spool.as_mut().unwrap()
    }

    fn at(&mut self, ms: u64) -> &mut Self {
        self.now = Monotonic(ms);
        let now = self.now;
        self.spool().work(now);
        self
    }

    fn append(&mut self, stream: Stream, sightings: u64) -> u64 {
        let (now, start) = (self.now, self.now.0);
        let sightings: Vec<_> = (start..start + sightings).map(sighting).collect();
        self.spool().append(now, stream, &sightings)
    }

    fn lend(&mut self) -> Vec<Batch> {
        let now = self.now;
        let address = Address {
            store: "kade-9".parse().unwrap(),
            gateway: "door".parse().unwrap(),
        };
        let mut all = Vec::new();
        loop {
            let some = self.spool().lend(now, &address);
            if some.is_empty() {
                return all;
            }
            all.extend(some);
        }
    }

    fn lend_seqs(&mut self) -> Vec<u64> {
        self.lend().iter().map(|b| b.seq).collect()
    }

    fn acknowledge(&mut self, boot: BootId, ranges: &[(u64, u64)]) -> &mut Self {
        let now = self.now;
        let ranges = Ranges::from(ranges.to_vec());
        self.spool().acknowledge(now, boot, &ranges);
        self
    }

    fn segments(&self) -> Vec<PathBuf> {
        self.files("seg")
    }

    fn files(&self, extension: &str) -> Vec<PathBuf> {
        let boots = open::boots_in(self.dir.path()).unwrap();
        let mut files: Vec<_> = boots
            .iter()
            .flat_map(|boot| fs::read_dir(self.dir.path().join(boot.to_string())).unwrap())
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|e| e == extension))
            .collect();
        files.sort();
        files
    }
}

fn sighting(ms: u64) -> Sighting {
    Sighting {
        anchor: "door".parse::<AnchorId>().unwrap(),
        transmitter: Transmitter::Eid(Eid(ms.to_le_bytes())),
        heard_first_mono_ms: ms,
        heard_last_mono_ms: ms,
        count: 1,
        rssi_dbm_median: -60,
    }
}

#[test]
fn a_batch_is_lent_once_it_is_synced_first_sights_before_detail() {
    let mut t = Timeline::new();
    assert_eq!(t.append(Stream::Detail, 3), 1);
    assert_eq!(t.append(Stream::First, 1), 2);
    assert_eq!(t.spool().work_at(), Some(Monotonic(1_050)));
    assert!(t.at(1_049).lend().is_empty());
    assert_eq!(t.at(1_050).lend_seqs(), [2]);
    assert_eq!(t.spool().counts().waiting, 1);
    assert_eq!(t.at(1_900).lend_seqs(), [1]);
    assert_eq!(t.spool().counts().spooled_total, 4);
    assert!(t.lend().is_empty(), "each is lent once");
    t.spool().recall();
    assert_eq!(t.lend_seqs(), [1, 2], "a new connection gets them again");
}

#[test]
fn what_is_held_in_the_store_is_kept_and_not_lent_again_before_it_is_wanted() {
    let mut t = Timeline::new();
    (0..3).for_each(|_| _ = t.append(Stream::First, 1));
    let boot = t.spool().boot();
    assert_eq!(t.at(2_000).lend_seqs(), [1, 2, 3]);
    t.spool().hold(boot, &Ranges::from(vec![(1, 2)]));
    assert_eq!(t.spool().lent().0, 1, "3 waits for its answer");
    assert_eq!(t.spool().waiting_batches(), 3, "held is not deleted");
    t.append(Stream::First, 1);
    assert_eq!(t.at(3_000).lend_seqs(), [4]);
    t.spool().recall();
    assert_eq!(t.lend_seqs(), [1, 2, 3, 4], "wanted again");
    t.acknowledge(boot, &[(1, 4)]);
    assert_eq!(t.spool().waiting_batches(), 0);
}

#[test]
fn only_acknowledgement_deletes() {
    let mut t = Timeline::new();
    let boot = t.spool().boot();
    for _ in 0..40 {
        t.append(Stream::Detail, 1);
    }
    let now = t.now;
    t.spool().flush(now);
    let full = t.segments().len();
    assert!(full > 3);
    assert_eq!(t.lend().len(), 40);
    assert_eq!(t.segments().len(), full);
    // Numbers that do not exist yet are not acknowledged in advance.
    t.acknowledge(boot, &[(1, 39), (41, 1_000)]);
    assert_eq!(t.segments().len(), 1);
    assert_eq!(t.spool().counts().waiting, 1);
    assert_eq!(t.append(Stream::First, 1), 41);
    assert_eq!(t.at(9_000).lend_seqs(), [41]);
    t.acknowledge(boot, &[(1, 41)]).kill().start();
    assert!(
        t.spool().counts().waiting > 0,
        "not written down yet: sent again"
    );
    t.acknowledge(boot, &[(1, 41)]);
    assert!(t.segments().is_empty());
}

#[test]
fn a_restart_sends_what_is_not_acknowledged_under_its_old_numbers() {
    let mut t = Timeline::new();
    let boot = t.spool().boot();
    for _ in 0..5 {
        t.append(Stream::First, 2);
    }
    t.at(1_100)
        .acknowledge(boot, &[(1, 2), (4, 4)])
        .at(12_000)
        .kill();
    let next = t.start();
    assert!(
        next > boot,
        "boots sort by age even if the wall clock stands still"
    );
    assert_eq!(t.spool().counts().waiting, 4);
    assert_eq!(t.append(Stream::First, 1), 1);
    t.at(12_100);
    let lent: Vec<_> = t.lend().iter().map(|b| (b.boot, b.seq)).collect();
    assert_eq!(
        lent,
        [(next, 1), (boot, 3), (boot, 5)],
        "live before backlog"
    );
    t.acknowledge(boot, &[(1, 5)]);
    assert_eq!(open::boots_in(t.dir.path()).unwrap(), [next]);
}

#[test]
fn killed_at_every_byte_of_the_tail_the_whole_records_are_kept() {
    let mut t = Timeline::new();
    for sightings in [2, 1, 3] {
        t.append(Stream::Detail, sightings);
    }
    let now = t.now;
    t.spool().flush(now);
    t.kill();
    let path = t.segments().remove(0);
    let whole = fs::read(&path).unwrap();
    let records = segment::scan(&whole).unwrap().records;
    let end = |r: &segment::RecordAt| (r.offset + 16 + r.body_len) as usize;
    for cut in 0..=whole.len() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &whole[..cut]).unwrap();
        t.start();
        let kept: Vec<u64> = records
            .iter()
            .filter(|r| end(r) <= cut)
            .map(|r| r.seq)
            .collect();
        assert_eq!(t.lend_seqs(), kept, "cut at {cut}");
        let clean = cut == 64 || records.iter().any(|r| end(r) == cut);
        let torn = t.spool().counts().torn_segments_total;
        assert_eq!(torn, u64::from(!clean), "cut at {cut}");
        t.kill().start();
        assert_eq!(t.lend_seqs(), kept, "once more, cut at {cut}");
        assert_eq!(t.spool().counts().torn_segments_total, 0);
        t.kill();
    }
}

#[test]
fn a_broken_middle_is_set_aside_with_the_rest_and_the_others_go_on() {
    let mut t = Timeline::new();
    for sightings in [1, 1, 1] {
        t.append(Stream::First, sightings);
    }
    t.append(Stream::Detail, 1);
    let now = t.now;
    t.spool().flush(now);
    t.kill();
    let path = t.segments().remove(0);
    let mut bytes = fs::read(&path).unwrap();
    let second = segment::scan(&bytes).unwrap().records[1].offset as usize;
    bytes[second + 40] ^= 1;
    fs::write(&path, &bytes).unwrap();
    t.start();
    assert_eq!(t.lend_seqs(), [1, 4]);
    assert_eq!(t.spool().counts().corrupt_segments_total, 1);
    assert_eq!(fs::read(&t.files("corrupt")[0]).unwrap(), bytes[second..]);
    t.kill().start();
    assert_eq!(t.spool().counts().corrupt_segments_total, 0, "mended once");
}

#[test]
fn strange_files_are_set_aside_and_no_more_than_a_few_are_kept() {
    let mut t = Timeline::new();
    t.append(Stream::First, 1);
    t.at(2_000).kill();
    let dir = t.segments()[0].parent().unwrap().to_owned();
    for n in 0..CORRUPT_FILES_MAX + 4 {
        fs::write(dir.join(format!("{:020}.seg", 1_000 + n)), [b'x'; 100]).unwrap();
    }
    fs::write(t.dir.path().join("clocks.json"), b"{").unwrap();
    fs::write(dir.join("acknowledged.json"), b"[[1").unwrap();
    t.start();
    assert_eq!(t.lend_seqs(), [1]);
    assert_eq!(t.files("corrupt").len(), CORRUPT_FILES_MAX);
}

#[test]
fn what_rots_under_a_running_spool_is_counted_and_passed_over() {
    let mut t = Timeline::new();
    t.append(Stream::First, 1);
    t.append(Stream::First, 1);
    t.at(2_000);
    let path = t.segments().remove(0);
    let mut bytes = fs::read(&path).unwrap();
    bytes[64 + 30] ^= 1;
    fs::write(&path, bytes).unwrap();
    assert_eq!(t.lend_seqs(), [2]);
    let counts = t.spool().counts();
    assert_eq!((counts.unreadable_batches_total, counts.waiting), (1, 1));
}

#[test]
fn past_the_bound_the_oldest_detail_goes_first_and_is_counted() {
    let mut t = Timeline::new();
    for _ in 0..20 {
        t.append(Stream::First, 1);
    }
    for _ in 0..200 {
        t.append(Stream::Detail, 2);
    }
    let now = t.now;
    t.spool().flush(now);
    let counts = t.spool().counts();
    assert!(counts.evicted_total > 0);
    assert_eq!(counts.waiting + counts.evicted_total, 420);
    let on_disk: u64 = t
        .segments()
        .iter()
        .map(|p| p.metadata().unwrap().len())
        .sum();
    assert!(on_disk <= t.options().bytes_max, "{on_disk}");
    let evicted = counts.evicted_total / 2;
    let expected: Vec<u64> = (1..=20).chain(21 + evicted..=220).collect();
    t.spool().recall();
    assert_eq!(t.lend_seqs(), expected);
}

#[test]
fn a_disk_that_refuses_is_tried_again_and_nothing_is_lost() {
    let mut t = Timeline::new();
    t.append(Stream::First, 1);
    t.at(1_100);
    // A file where the folder should be: an error that root gets too.
    let dir = t.segments()[0].parent().unwrap().to_owned();
    let away = t.dir.path().join("away");
    fs::rename(&dir, &away).unwrap();
    fs::write(&dir, b"").unwrap();
    for _ in 0..30 {
        t.append(Stream::Detail, 1); // fails when it begins its segment
    }
    t.at(2_100).at(3_100);
    let counts = t.spool().counts();
    assert_eq!((counts.failed_writes_total, counts.waiting), (3, 1));
    let error = t.spool().take_error().unwrap().to_string();
    assert!(error.starts_with("create folder"), "{error}");

    fs::remove_file(&dir).unwrap();
    fs::rename(&away, &dir).unwrap();
    t.at(4_100).at(5_100);
    assert_eq!(t.spool().counts().waiting, 31);
    let mut seqs = t.lend_seqs();
    seqs.sort_unstable();
    assert_eq!(seqs, (1..=31).collect::<Vec<_>>());
}

#[test]
fn while_the_disk_refuses_memory_is_bounded_and_the_rest_counted() {
    let mut t = Timeline::new();
    let boot = t.spool().boot().to_string();
    fs::write(t.dir.path().join(boot), b"").unwrap();
    let first = t.append(Stream::First, 100);
    let batches = QUEUE_SIGHTINGS_MAX / 100;
    for _ in 0..batches + 4 {
        t.append(Stream::Detail, 100);
    }
    assert_eq!(t.spool().counts().evicted_total, 500);
    assert_eq!(
        t.spool().queue.numbers().next().unwrap(),
        first,
        "first sights stay longest"
    );
}

/// Runs this test's program again in a shell that lets no file grow past 4 KiB, as a full disk
/// would: the write that crosses the limit is cut short, the next one fails.
#[test]
fn a_write_cut_short_by_a_limit_is_taken_back_and_written_elsewhere() {
    const LIMITED: &str = "WELKOM_TEST_LIMITED";
    if std::env::var_os(LIMITED).is_none() {
        let name = "spool::tests::a_write_cut_short_by_a_limit_is_taken_back_and_written_elsewhere";
        let program = std::env::current_exe().unwrap();
        let script = "trap '' XFSZ; ulimit -f 8; exec \"$0\" --exact \"$1\"";
        let output = std::process::Command::new("sh")
            .args(["-c", script])
            .arg(program)
            .arg(name)
            .env(LIMITED, "1")
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stdout)
        );
        return;
    }
    let mut t = Timeline::new();
    t.kill();
    let options = SpoolOptions {
        segment_bytes: 1024 * 1024,
        bytes_max: 16 * 1024 * 1024,
        ..t.options()
    };
    t.spool = Some(Spool::open(options, Seal::Plain).unwrap());
    for second in 1..60 {
        t.at(second * 1_000).append(Stream::First, 3);
        t.append(Stream::Detail, 5);
    }
    t.at(100_000).at(110_000);
    let counts = t.spool().counts();
    assert!(counts.failed_writes_total > 2);
    assert_eq!((counts.waiting, counts.evicted_total), (59 * 8, 0));
    t.kill().start();
    let counts = t.spool().counts();
    assert_eq!((counts.waiting, counts.torn_segments_total), (59 * 8, 0));
}

#[test]
fn batches_carry_the_last_anchor_of_their_own_machine_boot() {
    let anchor = |mono_ms| ClockAnchor {
        mono_ms,
        server_ms: mono_ms + 1_000_000,
    };
    let mut t = Timeline::new();
    t.append(Stream::First, 1);
    t.at(1_100).spool().set_clock(anchor(1_000)).unwrap();
    t.spool().set_clock(anchor(1_050)).unwrap();
    t.kill().start(); // the process again, the machine still the same
    assert_eq!(t.spool().clock(), Some(anchor(1_050)));
    t.append(Stream::First, 1);
    t.at(1_200).kill();
    t.machine_boot = 2;
    t.start(); // the machine again: nobody has told it the time
    assert_eq!(t.spool().clock(), None);
    t.append(Stream::First, 1);
    t.at(1_300);
    let clocks: Vec<_> = t.lend().iter().map(|b| b.clock).collect();
    assert_eq!(clocks, [None, Some(anchor(1_050)), Some(anchor(1_050))]);
    // Without the file, what the segments' headers know is better than nothing.
    t.kill();
    fs::remove_file(t.dir.path().join("clocks.json")).unwrap();
    t.start();
    let clocks: Vec<_> = t.lend().iter().map(|b| b.clock).collect();
    assert_eq!(clocks, [Some(anchor(1_050)), Some(anchor(1_050)), None]);
}

#[test]
fn no_more_is_lent_than_the_server_owes_and_live_finds_room_beside_backlog() {
    let mut t = Timeline::new();
    t.kill();
    let options = SpoolOptions {
        bytes_max: 1024 * 1024,
        ..t.options()
    };
    t.spool = Some(Spool::open(options, Seal::Plain).unwrap());
    let boot = t.spool().boot();
    for _ in 0..400 {
        t.append(Stream::First, 1);
    }
    t.at(1_100).spool().recall();
    assert_eq!(t.lend_seqs(), (1..=150).collect::<Vec<_>>());
    assert!(!t.spool().may_lend());
    let live = t.append(Stream::First, 1);
    assert_eq!(t.at(1_200).lend_seqs(), [live]);
    t.acknowledge(boot, &[(1, 60)]);
    assert_eq!(t.lend_seqs(), (151..=209).collect::<Vec<_>>());
    assert_eq!(t.spool().lent(), (150, Some(Monotonic(1_100))));
}

#[test]
fn two_gateways_do_not_share_a_folder() {
    let t = Timeline::new();
    let error = Spool::open(t.options(), Seal::Plain).unwrap_err();
    assert!(matches!(error, SpoolError::InUse { .. }));
}

#[test]
fn inspecting_changes_nothing() {
    let mut t = Timeline::new();
    let boot = t.spool().boot();
    for _ in 0..3 {
        t.append(Stream::First, 2);
    }
    t.at(1_100).acknowledge(boot, &[(1, 1)]).at(12_000).kill();
    let path = t.segments().remove(0);
    let mut bytes = fs::read(&path).unwrap();
    bytes.extend([1, 2, 3]);
    fs::write(&path, &bytes).unwrap();
    let report = inspect::inspect(t.dir.path()).unwrap();
    let boot = &report.boots[0];
    assert_eq!(Vec::from(boot.batches.clone()), [(1, 3)]);
    assert_eq!((boot.waiting_sightings, boot.torn_bytes), (4, 3));
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

/// Every sighting is in one place at each moment: waiting, acknowledged, given up, or in memory for
/// a disk that refuses.
#[test]
fn while_it_is_full_and_while_the_disk_refuses_every_sighting_is_accounted_for() {
    let mut t = Timeline::new();
    let boot = t.spool().boot();
    let (mut appended, mut acknowledged, mut firsts) = (0, 0, Vec::new());
    let dir = t.dir.path().join(boot.to_string());
    let away = t.dir.path().join("away");
    for step in 1..=400_u64 {
        // From 150 to 250 the disk takes nothing: a file where the folder should be.
        if step == 150 {
            fs::rename(&dir, &away).unwrap();
            fs::write(&dir, b"").unwrap();
        }
        if step == 250 {
            fs::remove_file(&dir).unwrap();
            fs::rename(&away, &dir).unwrap();
        }
        t.at(1_000 + step * 500);
        let stream = match step % 20 {
            0 => Stream::First,
            _ => Stream::Detail,
        };
        let seq = t.append(stream, 1 + step % 3);
        appended += 1 + step % 3;
        if stream == Stream::First {
            firsts.push(seq);
        }
        let key = Key { boot, seq: seq / 2 };
        let at = t.spool().waiting.get(&key).copied();
        if step % 7 == 0 && !firsts.contains(&key.seq) {
            acknowledged += at.map_or(0, |at| u64::from(at.sightings));
            t.acknowledge(boot, &[(key.seq, key.seq)]);
        }
        t.at(1_200 + step * 500);
        let spool = t.spool();
        let counts = spool.counts();
        let unsynced = [&spool.first, &spool.detail].map(|w| w.as_ref().and_then(Writer::sync_at));
        assert_eq!(unsynced, [None, None], "step {step}");
        let found = counts.waiting + counts.evicted_total + acknowledged + spool.queue.sightings();
        assert_eq!(found, appended, "step {step}");
        let kept = |seq: &u64| {
            let in_memory = spool.queue.numbers().any(|n| n == *seq);
            in_memory || spool.waiting.contains_key(&Key { boot, seq: *seq })
        };
        assert!(
            firsts.iter().all(kept),
            "step {step}: a first sight went before detail"
        );
    }
    let counts = t.spool().counts();
    assert!(counts.evicted_total > 0 && counts.failed_writes_total > 0);
    assert_eq!(t.spool().queue.sightings(), 0, "it went on by itself");
}

/// No clock of its own (1970), then NTP, a day back, a day forward; the machine boots each time but
/// one. What was heard has the server's time, or none, whatever the machine's clock said.
#[test]
fn a_wall_clock_that_jumps_makes_no_old_sighting_new() {
    const NOW_MS: u64 = 1_800_000_000_000;
    const DAY_MS: u64 = 86_400_000;
    let anchor = |server_ms| ClockAnchor {
        mono_ms: 1_000,
        server_ms,
    };
    let runs = [
        (0, 1, None),
        (NOW_MS, 1, Some(anchor(NOW_MS))),
        (NOW_MS - DAY_MS, 2, None),
        (NOW_MS + DAY_MS, 3, Some(anchor(NOW_MS + 5_000))),
        (0, 4, None),
    ];
    let mut t = Timeline::new();
    let mut boots = Vec::new();
    for (wall_ms, machine_boot, learned) in runs {
        t.kill();
        t.machine_boot = machine_boot;
        let options = SpoolOptions {
            wall_ms,
            bytes_max: 1024 * 1024,
            ..t.options()
        };
        t.spool = Some(Spool::open(options, Seal::Plain).unwrap());
        t.now = Monotonic(2_000);
        t.append(Stream::First, 1);
        t.at(3_000);
        if let Some(anchor) = learned {
            t.spool().set_clock(anchor).unwrap();
        }
        boots.push(t.spool().boot());
    }
    assert!(boots.is_sorted(), "boots sort by age");
    t.spool().recall();
    let batches = t.lend();
    let order: Vec<_> = batches.iter().map(|b| b.boot).collect();
    assert_eq!(order, boots);
    let heard: Vec<_> = batches
        .iter()
        .map(|b| {
            b.clock
                .map(|c| c.server_ms_of(b.sightings[0].heard_first_mono_ms))
        })
        .collect();
    let (first, third) = (Some(NOW_MS + 1_000), Some(NOW_MS + 6_000));
    assert_eq!(heard, [first, first, None, third, None]);
}
