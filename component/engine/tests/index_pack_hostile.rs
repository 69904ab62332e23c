//! Packs that are none: an error each, in git's words where git has some, and nothing that is
//! taken for a pack is left.

mod support;

use gitwasi_engine::index_pack::{Options, Stored};
use gitwasi_engine::{Error, Limits};
use support::Lab;
use support::forge::{BLOB, Forge, append, oid, size, zlib};
use support::push::keep;

fn lab() -> Lab {
    let lab = Lab::new();
    lab.git("", &["init", "-q", "--bare", "b.git"]);
    lab
}

fn unchecked() -> Options {
    Options { fsck: None, ..keep() }
}

/// The words of git and of the engine for what is wrong with a pack.
fn same_refusal(lab: &Lab, what: &str, pack: &[u8]) -> String {
    // Git tells junk at the end only where it reads a file.
    let path = lab.path("refused.pack");
    support::write(&path, pack);
    let output = lab
        .command("git", "b.git")
        .args(["index-pack", "--stdin", "--fix-thin"])
        .stdin(std::fs::File::open(&path).expect("a file"))
        .output()
        .expect("git runs");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let fatal = stderr.lines().find_map(|line| line.strip_prefix("fatal: "));
    let fatal = fatal.unwrap_or_else(|| panic!("{what}: git takes it: {stderr}"));
    for (chunk, held_blob) in [(1, 1 << 20), (13, 0), (1 << 20, 3)] {
        let limits = Limits { held_blob, ..Limits::default() };
        let taken = lab.take_with("b.git", pack, &unchecked(), limits, chunk);
        match taken.error() {
            Error::Malformed(text) => assert_eq!(text, fatal, "{what}"),
            error => panic!("{what}: {error}, but git: {fatal}"),
        }
        let left = std::fs::read_dir(taken.path.join("pack")).into_iter().flatten();
        let left = left.filter_map(|entry| entry.expect("an entry").file_name().into_string().ok());
        assert!(left.into_iter().all(|name| name.starts_with("tmp_")), "{what}");
        let loose = lab.take("b.git", pack, &Options { fsck: None, ..Options::default() });
        assert!(loose.result.is_err(), "{what}");
    }
    fatal.to_owned()
}

#[test]
fn what_is_no_pack_is_refused_in_git_s_words() {
    let lab = lab();
    let good = || {
        let mut forge = Forge::new();
        let base = forge.whole(BLOB, b"hello, hello, hello\n");
        forge.ofs_delta(base, &append(20, b"world\n"));
        forge
    };
    let pack = good().finish();
    assert!(lab.take("b.git", &pack, &unchecked()).result.is_ok());
    for end in 0..pack.len() {
        assert_eq!(same_refusal(&lab, &format!("cut at {end}"), &pack[..end]), "early EOF");
    }
    let with = |what: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let mut pack = good().finish();
        change(&mut pack);
        same_refusal(&lab, what, &pack)
    };
    with("junk", &|pack| pack.push(0));
    with("signature", &|pack| pack[0] = b'p');
    with("version 1", &|pack| pack[7] = 1);
    with("version 4", &|pack| pack[7] = 4);
    with("one object less", &|pack| pack[11] = 1);
    with("checksum", &|pack| *pack.last_mut().expect("bytes") ^= 1);
    with("zlib header", &|pack| pack[14] ^= 0x0f);
    let forged = |make: &dyn Fn(&mut Forge) -> u64| {
        let mut forge = good();
        make(&mut forge);
        forge.finish()
    };
    let short = zlib(b"abcdef");
    type Make<'a> = &'a dyn Fn(&mut Forge) -> u64;
    let cases: &[(&str, Make<'_>)] = &[
        ("longer than it says", &|forge| forge.entry(BLOB, 3, &[], &short)),
        ("shorter than it says", &|forge| forge.entry(BLOB, 300, &[], &short)),
        ("empty and says less", &|forge| forge.entry(BLOB, 0, &[], &short)),
        ("a large blob that is longer", &|forge| {
            forge.entry(BLOB, 600_000, &[], &zlib(&[1; 700_000]))
        }),
        ("a large blob that is shorter", &|forge| {
            forge.entry(BLOB, 700_000, &[], &zlib(&[1; 600_000]))
        }),
        ("type 0", &|forge| forge.entry(0, 6, &[], &short)),
        ("type 5", &|forge| forge.entry(5, 6, &[], &short)),
        ("its own base", &|forge| forge.entry(6, 6, &[0], &short)),
        ("a base in the head", &|forge| forge.entry(6, 6, &[0x60], &short)),
        ("a base before the pack", &|forge| forge.entry(6, 6, &[0x80, 0x7f], &short)),
        ("a distance of 80 bits", &|forge| {
            forge.entry(
                6,
                6,
                &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
                &short,
            )
        }),
        ("a base where no entry begins", &|forge| forge.entry(6, 6, &[3], &short)),
        ("a base that is nowhere", &|forge| forge.ref_delta(&[9; 20], &append(0, b"x"))),
        ("two bases that are nowhere", &|forge| {
            forge.ref_delta(&[9; 20], &append(0, b"x"));
            forge.ref_delta(&[8; 20], &append(0, b"x"))
        }),
        ("a delta of nothing", &|forge| forge.ofs_delta(12, b"")),
        ("a delta on a base of another size", &|forge| forge.ofs_delta(12, &append(19, b"x"))),
        ("a delta that copies too much", &|forge| forge.ofs_delta(12, &[20, 30, 0x90, 30])),
        ("a delta with a result of another size", &|forge| forge.ofs_delta(12, &[20, 9, 0x90, 8])),
        ("a delta with instruction 0", &|forge| forge.ofs_delta(12, &[20, 1, 0])),
        ("a delta that is cut", &|forge| forge.ofs_delta(12, &[20, 3, 3, b'a'])),
    ];
    for (what, make) in cases {
        same_refusal(&lab, what, &forged(*make));
    }
}

#[test]
fn zlib_streams_that_are_damaged_are_refused() {
    let lab = lab();
    let content: Vec<u8> = (0..4000u32).flat_map(|number| (number % 251).to_le_bytes()).collect();
    let mut forge = Forge::new();
    forge.whole(BLOB, &content);
    let whole = forge.pack.len();
    let pack = forge.finish();
    for at in (14..whole).step_by(whole / 40) {
        let mut damaged = pack.clone();
        damaged[at] ^= 0x10;
        let output = lab.git_with("b.git", &["index-pack", "--stdin"], &damaged, &[]);
        let taken = lab.take("b.git", &damaged, &unchecked());
        assert!(!output.status.success() && taken.result.is_err(), "damaged at {at}");
    }
}

#[test]
fn an_input_limit_is_kept_in_git_s_words() {
    let lab = lab();
    let content: Vec<u8> =
        (0..100_000u32).flat_map(|number| number.wrapping_mul(number).to_le_bytes()).collect();
    let mut forge = Forge::new();
    forge.whole(BLOB, &content);
    let pack = forge.finish();
    let all = pack.len() as u64;
    for limit in [100, 1024, 5000, 300_000, all - 20, all - 1] {
        let argument = format!("--max-input-size={limit}");
        let output = lab.git_with("b.git", &["index-pack", "--stdin", &argument], &pack, &[]);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        let taken =
            lab.take("b.git", &pack, &Options { max_input_size: Some(limit), ..unchecked() });
        let fatal = stderr.trim_end().strip_prefix("fatal: ");
        assert_eq!(Some(taken.error().to_string().as_str()), fatal, "{limit}");
    }
    let all = Some(all);
    assert!(
        lab.take("b.git", &pack, &Options { max_input_size: all, ..unchecked() }).result.is_ok()
    );
}

#[test]
fn counts_and_bombs_are_refused_before_they_cost_anything() {
    let lab = lab();
    let limited = |pack: &[u8], limits: Limits, name: &str| {
        let taken = lab.take_with("b.git", pack, &unchecked(), limits, 8192);
        match taken.error() {
            Error::LimitExceeded(limit) => assert_eq!(*limit, name),
            error => panic!("{error}"),
        }
    };
    limited(&Forge::new().finish_as(u32::MAX), Limits::default(), "received_objects");
    let claimed = Forge::new().finish_as(1 << 20);
    let taken = lab.take("b.git", &claimed, &unchecked());
    assert!(taken.error().to_string().starts_with("pack has bad object"), "{}", taken.error());

    let small = Limits { object_size: 1 << 20, ..Limits::default() };
    let mut forge = Forge::new();
    let mut tight = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut tight, &vec![0; 100 << 20]).expect("deflated");
    forge.entry(BLOB, 100 << 20, &[], &tight.finish().expect("deflated"));
    limited(&forge.finish(), small.clone(), "inflation");

    let mut forge = Forge::new();
    forge.whole(support::forge::TREE, &vec![0; 2 << 20]);
    limited(&forge.finish(), small.clone(), "object_size");

    let mut forge = Forge::new();
    let base = forge.whole(BLOB, &[0; 60_000]);
    let mut delta = size(60_000);
    delta.extend(size(4 << 30));
    for _ in 0..70_000 {
        delta.extend([0xb0, 0x60, 0xea]);
    }
    forge.ofs_delta(base, &delta);
    limited(&forge.finish(), Limits::default(), "inflation");

    let mut forge = Forge::new();
    let base = forge.whole(BLOB, &[0; 60_000]);
    for number in 0..200u32 {
        let mut delta = size(60_000);
        delta.extend(size(960_000 + 4));
        for _ in 0..16 {
            delta.extend([0xb0, 0x60, 0xea]);
        }
        delta.push(4);
        delta.extend(number.to_le_bytes());
        forge.ofs_delta(base, &delta);
    }
    limited(&forge.finish(), Limits { delta_inflation: 50, ..small }, "delta_inflation");
}

#[test]
fn chains_as_deep_as_git_makes_them_are_resolved_and_deeper_ones_refused() {
    let lab = lab();
    for (depth, fine) in [(4095, true), (4097, false)] {
        for by_oid in [false, true] {
            let mut forge = Forge::new();
            let mut content = b"line 0\n".to_vec();
            let mut offset = forge.whole(BLOB, &content);
            for number in 1..=depth {
                let more = format!("line {number}\n");
                let delta = append(content.len(), more.as_bytes());
                if by_oid {
                    forge.ref_delta(&oid("blob", &content), &delta);
                } else {
                    offset = forge.ofs_delta(offset, &delta);
                }
                content.extend(more.as_bytes());
            }
            let held_blob = if by_oid { 10_000 } else { 1 << 20 };
            let tight = Limits { resolve_cache: 1 << 20, held_blob, ..Limits::default() };
            let taken = lab.take_with("b.git", &forge.finish(), &unchecked(), tight, 8192);
            if fine {
                let objects = &taken.received().objects;
                assert_eq!(objects.len(), depth + 1);
                let last = gitwasi_wire::Oid::from_bytes(&oid("blob", &content)).expect("an oid");
                assert!(objects.kind(&last).is_some());
            } else {
                assert!(matches!(taken.error(), Error::LimitExceeded("delta_depth")));
            }
        }
    }
}

#[test]
fn many_deltas_on_one_base_and_a_chain_behind_each_are_resolved() {
    let lab = lab();
    let base: Vec<u8> =
        (0..200_000u32).flat_map(|number| (number.wrapping_mul(number)).to_le_bytes()).collect();
    let mut forge = Forge::new();
    let offset = forge.whole(BLOB, &base);
    let mut last = Vec::new();
    for number in 0..10_000u32 {
        let more = number.to_le_bytes();
        let delta = forge.ofs_delta(offset, &append(base.len(), &more));
        if number % 1_000 == 0 {
            last.push((number, delta));
        }
    }
    let mut expected = 10_001;
    for (number, mut offset) in last {
        let mut length = base.len() + 4;
        for step in 0..20u32 {
            offset = forge.ofs_delta(offset, &append(length, &[number as u8, step as u8]));
            length += 2;
            expected += 1;
        }
    }
    let tight = Limits { resolve_cache: 1 << 20, ..Limits::default() };
    let taken = lab.take_with("b.git", &forge.finish(), &unchecked(), tight, 1 << 16);
    assert_eq!(taken.received().objects.len(), expected);
}

/// Each step of the chain has a second delta that keeps its file waiting.
#[test]
fn files_for_large_blobs_are_bound() {
    let lab = lab();
    let mut forge = Forge::new();
    let mut content = vec![1; 10_000];
    forge.whole(BLOB, &content);
    for step in 0..50u8 {
        let base = oid("blob", &content);
        forge.ref_delta(&base, &append(content.len(), &[step]));
        forge.ref_delta(&base, &append(content.len(), &[step, step]));
        content.push(step);
    }
    let pack = forge.finish();
    for (spilled, fine) in [(100_000, false), (1 << 30, true)] {
        let limits = Limits { held_blob: 1000, spilled, ..Limits::default() };
        let taken = lab.take_with("b.git", &pack, &unchecked(), limits, 8192);
        if fine {
            assert_eq!(taken.received().objects.len(), 101);
        } else {
            assert!(matches!(taken.error(), Error::LimitExceeded("spilled")), "{}", taken.error());
        }
    }
}

#[test]
fn bases_may_follow_their_deltas_but_not_go_in_circles() {
    let lab = lab();
    let (a, ab, abc) = (b"aaaa".to_vec(), b"aaaabb".to_vec(), b"aaaabbcc".to_vec());
    let mut forge = Forge::new();
    forge.ref_delta(&oid("blob", &ab), &append(6, b"cc"));
    forge.ref_delta(&oid("blob", &a), &append(4, b"bb"));
    forge.whole(BLOB, &a);
    let taken = lab.take("b.git", &forge.finish(), &unchecked());
    assert_eq!(taken.received().objects.len(), 3);
    let last = gitwasi_wire::Oid::from_bytes(&oid("blob", &abc)).expect("an oid");
    assert!(taken.received().objects.kind(&last).is_some());

    let mut forge = Forge::new();
    forge.ref_delta(&oid("blob", &ab), &append(6, b"cc"));
    forge.ref_delta(&oid("blob", &abc), &[8, 6, 0x90, 6]);
    let text = same_refusal(&lab, "a circle", &forge.finish());
    assert_eq!(text, "pack has 2 unresolved deltas");
}

#[test]
fn an_object_may_arrive_twice_but_not_be_stored_twice() {
    let lab = lab();
    let mut forge = Forge::new();
    let first = forge.whole(BLOB, b"twice");
    forge.whole(BLOB, b"twice");
    forge.ofs_delta(first, &append(5, b"!"));
    let pack = forge.finish();
    let output = lab.git_with("b.git", &["index-pack", "--stdin", "--strict"], &pack, &[]);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let taken = lab.take("b.git", &pack, &unchecked());
    assert_eq!(format!("fatal: {}", taken.error()), stderr.trim_end());

    let mut forge = Forge::new();
    let first = forge.whole(BLOB, b"twice");
    forge.whole(BLOB, b"twice");
    forge.ofs_delta(first, &append(5, b"!"));
    forge.ref_delta(&oid("blob", b"twice"), &append(5, b"!"));
    forge.ref_delta(&oid("blob", b"twice!"), &append(6, b"?"));
    let pack = forge.finish();
    let loose = lab.take("b.git", &pack, &Options { unpack_limit: 100, ..unchecked() });
    assert_eq!(loose.received().stored, Stored::Loose);
    assert_eq!(loose.received().objects.len(), 3);
}

#[test]
fn another_object_of_the_same_oid_is_refused() {
    let lab = lab();
    let large: Vec<u8> = (0..300_000u32).flat_map(u32::to_le_bytes).collect();
    for content in [&b"the true content"[..], &large] {
        // What a collision would be: the name is that of `content`, what is stored is not.
        let name = oid("blob", content);
        let hex: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut other = content.to_vec();
        *other.last_mut().expect("bytes") ^= 1;
        let mut loose = format!("blob {}\0", other.len()).into_bytes();
        loose.extend(&other);
        std::fs::create_dir_all(lab.path("b.git/objects").join(&hex[..2])).expect("made");
        let path = lab.path("b.git/objects").join(&hex[..2]).join(&hex[2..]);
        support::write(&path, &zlib(&loose));
        let mut forge = Forge::new();
        forge.whole(BLOB, content);
        let pack = forge.finish();
        let taken = lab.take("b.git", &pack, &unchecked());
        assert_eq!(taken.error().to_string(), format!("SHA1 COLLISION FOUND WITH {hex} !"));
        let mut forge = Forge::new();
        let base = forge.whole(BLOB, &content[..content.len() - 1]);
        forge.ofs_delta(base, &append(content.len() - 1, &content[content.len() - 1..]));
        let delta = forge.finish();
        for held_blob in [0, 1 << 30] {
            let limits = Limits { held_blob, ..Limits::default() };
            let taken = lab.take_with("b.git", &delta, &unchecked(), limits, 8192);
            assert_eq!(taken.error().to_string(), format!("SHA1 COLLISION FOUND WITH {hex} !"));
        }

        loose.truncate(loose.len() - other.len());
        loose.extend(content);
        support::write(&path, &zlib(&loose));
        assert!(lab.take("b.git", &pack, &unchecked()).result.is_ok());
        lab.git("b.git", &["hash-object", "-w", "--stdin"]);
        lab.git("b.git", &["update-ref", "refs/tags/x", &hex]);
        lab.git("b.git", &["repack", "-adq"]);
        assert!(lab.take("b.git", &pack, &unchecked()).result.is_ok(), "packed");
    }
}
