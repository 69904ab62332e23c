//! Pushes whose packs go to the disk as they arrive, and that are refused all the same: no file and
//! no directory is left, and the report is git's.

mod support;

use gitwasi_engine::Limits;
use support::forge::{BLOB, Forge, TREE, append};
use support::receive::{Case, Push, ZERO, files};
use support::write;

/// A case whose packs stay packs, with a commit after `c` that has a blob of 2 MiB.
struct Large {
    case: Case,
    tip: String,
}

impl Large {
    fn new(config: &[(&str, &str)]) -> Self {
        let case = Case::new(config);
        let lab = &case.lab;
        lab.git("base.git", &["config", "receive.unpackLimit", "1"]);
        lab.git("work", &["checkout", "-q", "main"]);
        write(&lab.path("work/large"), &noise(2 << 20));
        lab.git("work", &["add", "."]);
        lab.git("work", &["commit", "-qm", "large"]);
        let tip = lab.git("work", &["rev-parse", "HEAD"]);
        Self { case, tip }
    }

    fn push(&self, capabilities: &str, old: &str, name: &str) -> Push {
        self.with_pack(Push::new(capabilities).update(old, &self.tip, name))
    }

    fn with_pack(&self, push: Push) -> Push {
        let push = push.pack(&self.case.lab, "work", &[&self.tip, &format!("^{}", self.case.b)]);
        goes_to_disk(&push);
        push
    }

    /// Both refuse in the same words, and ours leaves nothing.
    #[track_caller]
    fn refused(&self, push: &Push) -> String {
        let (case, lab) = (&self.case, &self.case.lab);
        case.fresh();
        let ours = lab.engine_receives("ours.git", &push.bytes());
        let gits = lab.git_receives("gits.git", &push.bytes());
        assert_eq!(ours.report, gits.report, "{ours:?} {gits:?}");
        self.nothing_changed(&ours.report);
        ours.report
    }

    /// As [`Self::refused`], of what git would spend too much on.
    #[track_caller]
    fn refused_by_us(&self, pack: Vec<u8>, limit: &str) {
        let case = &self.case;
        case.fresh();
        let push = Push { pack, ..Push::new("").update(ZERO, &self.tip, "refs/heads/new") };
        goes_to_disk(&push);
        let raw = case.lab.engine_receives_raw("ours.git", &push.bytes());
        let text = String::from_utf8_lossy(&raw);
        assert!(text.contains("ng refs/heads/new unpacker error\n"), "{text}");
        assert!(text.contains(limit), "{text}");
        self.nothing_changed(&text);
    }

    #[track_caller]
    fn nothing_changed(&self, answer: &str) {
        let lab = &self.case.lab;
        let (is, was) = (files(&lab.path("ours.git")), files(&lab.path("base.git")));
        let new: Vec<_> = is.keys().filter(|name| !was.contains_key(*name)).collect();
        assert!(is == was, "{answer}: {new:?}");
    }
}

/// Neither the pack nor its objects fit in what is kept in memory.
#[track_caller]
fn goes_to_disk(push: &Push) {
    let limits = Limits::default();
    let most = limits.unpack_bytes.max(limits.spool as u64).max(limits.held_objects as u64);
    assert!(push.pack.len() as u64 > most, "{} bytes", push.pack.len());
}

/// What does not deflate.
fn noise(length: usize) -> Vec<u8> {
    let mut random = 7u64;
    let mut next = || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (random >> 40) as u8
    };
    (0..length).map(|_| next()).collect()
}

/// A zlib stream of zeros, so many MiB, a thousandth in size.
fn zeros(mebibytes: usize) -> Vec<u8> {
    let mut deflater = flate2::Compress::new(flate2::Compression::best(), false);
    let mut block = Vec::with_capacity(1 << 16);
    let flushed = deflater.compress_vec(&vec![0; 1 << 20], &mut block, flate2::FlushCompress::Full);
    flushed.expect("deflated");
    let mut stream = vec![0x78, 0xda];
    for _ in 0..mebibytes {
        stream.extend(&block);
    }
    stream.extend([3, 0]);
    // Adler-32 of zeros: the first half counts them.
    stream.extend((((mebibytes << 20) % 65_521) as u16).to_be_bytes());
    stream.extend([0, 1]);
    stream
}

#[test]
fn a_push_that_goes_to_disk_is_taken() {
    let large = Large::new(&[]);
    let case = &large.case;
    case.same_but_objects(&large.push("", &case.b, "refs/heads/main"));
    let is = case.lab.all_objects("ours.git");
    assert!(is.contains(&large.tip) && is == case.lab.all_objects("gits.git"));
}

#[test]
fn wrong_old_oids_leave_nothing() {
    let large = Large::new(&[]);
    let (a, b) = (&large.case.a, &large.case.b);
    for (old, name) in [
        (a.as_str(), "refs/heads/main"),
        (ZERO, "refs/heads/main"),
        (b, "refs/heads/topic"),
        (b, "refs/heads/nope/deep"),
    ] {
        large.refused(&large.push("", old, name));
    }
}

#[test]
fn names_that_are_taken_or_funny_leave_nothing() {
    let large = Large::new(&[]);
    for name in [
        "refs/heads/main/x",
        "refs/heads/topic/x/y",
        "refs/tags/v1/x",
        "refs/heads",
        "HEAD",
        "refs/heads/a..b",
        "refs/heads/a.lock",
        "refs/../config",
    ] {
        large.refused(&large.push("", ZERO, name));
    }
}

#[test]
fn what_is_denied_leaves_nothing() {
    let large = Large::new(&[
        ("receive.denyNonFastForwards", "true"),
        ("receive.hideRefs", "refs/secret"),
        ("receive.shallowUpdate", "false"),
    ]);
    let case = &large.case;
    large.refused(&large.push("", ZERO, "refs/secret/x"));
    case.lab.git("base.git", &["fetch", "-q", "../work", "side"]);
    case.lab.git("base.git", &["update-ref", "refs/heads/main", &case.d]);
    large.refused(&large.push("", &case.d, "refs/heads/main"));
    case.lab.git("base.git", &["update-ref", "refs/heads/main", &case.b]);
    case.lab.git("base.git", &["config", "core.bare", "false"]);
    large.refused(&large.push("", &case.b, "refs/heads/main"));
    case.lab.git("base.git", &["config", "core.bare", "true"]);
    let tree = case.lab.git("work", &["rev-parse", "main^{tree}"]);
    let push = Push::new("").update(ZERO, &tree, "refs/heads/tree");
    large.refused(&large.with_pack(push));
    case.lab.git("base.git", &["config", "receive.maxInputSize", "1500000"]);
    large.refused(&large.push("", &case.b, "refs/heads/main"));
    case.lab.git("base.git", &["config", "receive.maxInputSize", "1000"]);
    large.refused(&large.push("", &case.b, "refs/heads/main"));
}

#[test]
fn atomic_pushes_with_one_bad_ref_leave_nothing() {
    let large = Large::new(&[]);
    let case = &large.case;
    for (old, name) in [
        (case.b.as_str(), "refs/heads/topic"),
        (ZERO, "refs/heads/a..b"),
        (ZERO, "refs/heads/main/below"),
    ] {
        let push = large.push("atomic", &case.b, "refs/heads/main");
        large.refused(&push.update(old, &case.c, name).update(ZERO, &case.c, "refs/heads/new"));
    }
}

#[test]
fn a_reflog_in_the_way_leaves_nothing() {
    let large = Large::new(&[("core.logAllRefUpdates", "true")]);
    let case = &large.case;
    let logs = case.lab.path("base.git/logs");
    for (log, name) in [
        ("refs/heads/dir", "refs/heads/dir/new"),
        ("refs/heads/full/x/y", "refs/heads/full"),
        ("HEAD/x", "refs/heads/main"),
    ] {
        _ = std::fs::remove_dir_all(&logs);
        std::fs::create_dir_all(logs.join(log).parent().unwrap()).unwrap();
        write(&logs.join(log), b"");
        let old = if name.ends_with("main") { case.b.as_str() } else { ZERO };
        large.refused(&large.push("", old, name));
        let push = large.push("atomic", old, name);
        large.refused(&push.update(ZERO, &case.b, "refs/tags/beside"));
        // Git says that it failed, too, but has moved the branch.
        if log != "HEAD/x" {
            case.same_but_objects(&large.push("", old, name));
        }
    }
    std::fs::remove_dir_all(&logs).unwrap();
    std::fs::create_dir_all(logs.join("refs/heads/empty/x/y")).unwrap();
    case.same(&large.push("", ZERO, "refs/heads/empty"));
}

#[test]
fn missing_objects_leave_nothing() {
    let large = Large::new(&[("receive.fsckObjects", "false")]);
    let case = &large.case;
    let oid = |revision: &str| case.lab.git("work", &["rev-parse", revision]);
    let (tree, blob) = (oid("main^{tree}"), oid("main:large"));
    for objects in [&[large.tip.as_str(), &blob][..], &[&large.tip, &tree, &blob], &[&blob]] {
        let mut push = Push::new("").update(&case.b, &large.tip, "refs/heads/main");
        let input = objects.join("\n") + "\n";
        let arguments = ["pack-objects", "--stdout", "-q"];
        push.pack = case.lab.git_with("work", &arguments, input.as_bytes(), &[]).stdout;
        goes_to_disk(&push);
        let report = large.refused(&push);
        assert_eq!(report, "unpack ok\nng refs/heads/main missing necessary objects\n");
    }
    // From a client whose history is cut.
    let push = large.push("", &case.b, "refs/heads/main");
    large.refused(&Push { shallow: vec![large.tip.clone()], ..push });
}

#[test]
fn a_tip_that_is_missing_is_named() {
    let case = Case::new(&[]);
    let (lab, none, other) = (&case.lab, "1".repeat(40), "2".repeat(40));
    for (updates, named) in [
        (&[(&*case.c, "refs/heads/new"), (&none, "refs/heads/none")][..], Some(&none)),
        (&[(&none, "refs/heads/none")], Some(&none)),
        (&[(&other, "refs/heads/other"), (&none, "refs/heads/none")], Some(&other)),
        (&[(&*case.c, "refs/heads/new")], None),
    ] {
        for capabilities in ["", "quiet", "atomic"] {
            let mut push = Push::new(capabilities).pack(lab, "work", &[&case.c, "^main~1"]);
            for (new, name) in updates {
                push = push.update(ZERO, new, name);
            }
            case.fresh();
            let ours = lab.engine_receives("ours.git", &push.bytes());
            let gits = lab.git_receives("gits.git", &push.bytes());
            assert_eq!(ours.fatal(), gits.fatal(), "{updates:?}");
            let fatal = named.map(|named| format!("fatal: bad object {named}"));
            assert_eq!(ours.fatal(), fatal.as_deref());
            // With git's the others of an atomic push are moved.
            if capabilities != "atomic" {
                assert_eq!(ours.report, gits.report);
            }
        }
    }
}

#[test]
fn broken_packs_leave_nothing() {
    let large = Large::new(&[]);
    let good = large.push("", &large.case.b, "refs/heads/main");
    let length = good.pack.len();
    let broken = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut push = good.clone();
        change(&mut push.pack);
        large.refused(&push)
    };
    for end in [30, 300_000, 1 << 20, length - 21, length - 5] {
        broken(&|pack| pack.truncate(end));
    }
    for at in [40, length / 2, length - 25, length - 1] {
        broken(&|pack| pack[at] ^= 0x55);
    }
    broken(&|pack| pack[11] += 1);
    broken(&|pack| pack[11] -= 1);
}

#[test]
fn a_thin_pack_whose_base_is_nowhere_leaves_nothing() {
    let large = Large::new(&[]);
    let mut forge = Forge::new();
    forge.whole(BLOB, &noise(2 << 20));
    forge.ref_delta(&[9; 20], &append(10, b"x"));
    let push = Push::new("").update(ZERO, &large.tip, "refs/heads/new");
    let push = Push { pack: forge.finish(), ..push };
    goes_to_disk(&push);
    let report = large.refused(&push);
    assert_eq!(report, "unpack index-pack abnormal exit\nng refs/heads/new unpacker error\n");
}

#[test]
fn a_bomb_leaves_nothing() {
    let large = Large::new(&[]);
    for (kind, limit) in [(BLOB, "inflation"), (TREE, "object_size")] {
        let mut forge = Forge::new();
        forge.whole(BLOB, &noise(2 << 20));
        let bomb = zeros(4 << 10);
        assert!(bomb.len() < 5 << 20);
        forge.entry(kind, 4 << 30, &[], &bomb);
        let start = std::time::Instant::now();
        large.refused_by_us(forge.finish(), &format!("limit exceeded: {limit}"));
        assert!(start.elapsed().as_secs() < 60, "it was inflated to its end");
    }
}

#[test]
fn a_count_of_four_billion_leaves_nothing() {
    let large = Large::new(&[]);
    let mut forge = Forge::new();
    forge.whole(BLOB, &noise(2 << 20));
    large.refused_by_us(forge.finish_as(u32::MAX), "limit exceeded: received_objects");
    let mut forge = Forge::new();
    forge.whole(BLOB, &noise(2 << 20));
    let push = Push::new("").update(ZERO, &large.tip, "refs/heads/new");
    let push = Push { pack: forge.finish_as(16 << 20), ..push };
    let answer = large.case.lab.engine_receives("ours.git", &push.bytes());
    assert!(answer.report.contains("too large for this server"), "{answer:?}");
    // As many as are let in, but not there.
    let mut forge = Forge::new();
    forge.whole(BLOB, &noise(2 << 20));
    large.refused_by_us(forge.finish_as(2 << 20), "fatal: pack has bad object at offset");
}

#[test]
fn what_fsck_refuses_leaves_nothing() {
    let large = Large::new(&[]);
    let case = &large.case;
    let (push, _) = case.without_address();
    goes_to_disk(&push);
    let report = large.refused(&push);
    assert!(report.starts_with("unpack index-pack abnormal exit\n"), "{report}");
}
