//! Objects: the engine reads what `git cat-file` reads.

mod support;

use gitwasi_engine::object::Kind;
use gitwasi_engine::storage::native::block_on;
use gitwasi_wire::Oid;
use support::Lab;

/// Compares every object of a repository with git's own reading of it.
fn same_objects(lab: &Lab, name: &str) -> usize {
    let repository = lab.open(name);
    let odb = repository.odb();
    let list = lab.git(name, &["cat-file", "--batch-all-objects", "--batch-check", "--unordered"]);
    for line in list.lines() {
        let mut words = line.split(' ');
        let hex = words.next().expect("an oid");
        let kind = Kind::from_name(words.next().expect("a kind").as_bytes()).expect("a kind");
        let size: u64 = words.next().expect("a size").parse().expect("a number");
        let oid = Oid::from_hex(hex.as_bytes()).expect("an oid");
        block_on(async {
            let location = odb.find(&oid).await.expect("no error").expect("an object");
            assert_eq!(odb.header(&oid, location).await.expect("a header"), (kind, size), "{hex}");
            let object = odb.read(&oid).await.expect("an object");
            assert_eq!((object.kind, object.content.len() as u64), (kind, size), "{hex}");
        });
    }
    let input: String =
        list.lines().map(|line| format!("{}\n", &line[..line.find(' ').unwrap_or(0)])).collect();
    let batch = lab.git_with(name, &["cat-file", "--batch"], input.as_bytes(), &[]).stdout;
    let mut rest = &batch[..];
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let line = String::from_utf8_lossy(&rest[..end]).into_owned();
        let size: usize = line.rsplit(' ').next().expect("a size").parse().expect("a number");
        let oid =
            Oid::from_hex(line.split(' ').next().expect("an oid").as_bytes()).expect("an oid");
        let content = &rest[end + 1..][..size];
        let object = block_on(odb.read(&oid)).expect("an object");
        assert!(*object.content == content, "{line}");
        rest = &rest[end + 1 + size + 1..];
    }
    list.lines().count()
}

#[test]
fn packed_objects_are_read_as_git_reads_them() {
    let lab = Lab::new();
    lab.history("a.git", 120, &[]);
    assert!(same_objects(&lab, "a.git") > 500);
    lab.git("a.git", &["repack", "-adfq", "--depth=50", "--window=20"]);
    assert!(same_objects(&lab, "a.git") > 500);
}

#[test]
fn index_version_1_and_a_missing_reverse_index_do() {
    let lab = Lab::new();
    lab.history("a.git", 40, &[]);
    lab.git(
        "a.git",
        &["-c", "pack.indexVersion=1", "-c", "pack.writeReverseIndex=false", "repack", "-adfq"],
    );
    same_objects(&lab, "a.git");
}

#[test]
fn sha256_repositories_are_read() {
    let lab = Lab::new();
    lab.history("a.git", 40, &["--object-format=sha256"]);
    lab.git("a.git", &["repack", "-adfq"]);
    same_objects(&lab, "a.git");
}

#[test]
fn loose_objects_alternates_and_several_packs_are_one_database() {
    let lab = Lab::new();
    lab.history("base.git", 40, &[]);
    lab.git("base.git", &["repack", "-adfq"]);
    lab.git("", &["clone", "-q", "--bare", "--shared", "base.git", "a.git"]);
    let tree = lab.git("a.git", &["rev-parse", "main^{tree}"]);
    for number in 0..5 {
        let message = format!("loose {number}");
        let commit = lab.git("a.git", &["commit-tree", &tree, "-p", "main", "-m", &message]);
        lab.git("a.git", &["update-ref", "refs/heads/main", &commit]);
        if number == 2 {
            lab.git("a.git", &["repack", "-dlq"]);
        }
    }
    assert!(same_objects(&lab, "a.git") > 100);
}

#[test]
fn a_multi_pack_index_answers_for_its_packs() {
    let lab = Lab::new();
    lab.history("a.git", 40, &[]);
    let tree = lab.git("a.git", &["rev-parse", "main^{tree}"]);
    for number in 0..3 {
        let message = format!("commit {number}");
        let commit = lab.git("a.git", &["commit-tree", &tree, "-p", "main", "-m", &message]);
        lab.git("a.git", &["update-ref", "refs/heads/main", &commit]);
        lab.git("a.git", &["repack", "-dq"]);
    }
    lab.git("a.git", &["multi-pack-index", "write"]);
    assert!(same_objects(&lab, "a.git") > 100);
}

#[test]
fn an_alternate_outside_of_what_is_served_is_refused() {
    let outside = Lab::new();
    outside.history("base.git", 5, &[]);
    let lab = Lab::new();
    let base = outside.path("base.git");
    lab.git("", &["clone", "-q", "--bare", "--shared", base.to_str().expect("a path"), "a.git"]);
    let error = block_on(lab.engine().open("a.git")).expect_err("refused");
    assert!(matches!(error, gitwasi_engine::Error::Unsupported(_)), "{error}");
}

#[test]
fn a_large_loose_blob_is_read_whole() {
    let lab = Lab::new();
    lab.git("", &["init", "-q", "--bare", "a.git"]);
    let content: Vec<u8> =
        (0..3_000_000u32).flat_map(|number| (number / 7).to_le_bytes()).collect();
    support::write(&lab.path("big"), &content);
    let hex = lab.git("a.git", &["hash-object", "-w", "../big"]);
    let repository = lab.open("a.git");
    let oid = Oid::from_hex(hex.as_bytes()).expect("an oid");
    let object = block_on(repository.odb().read(&oid)).expect("an object");
    assert!(*object.content == content);
}

/// Bytes of a pack flipped or cut: whatever comes out, nothing panics and nothing hangs.
#[test]
fn damaged_packs_are_errors() {
    let lab = Lab::new();
    lab.history("a.git", 20, &[]);
    lab.git("a.git", &["repack", "-adfq"]);
    let oids: Vec<Oid> = lab
        .git("a.git", &["cat-file", "--batch-all-objects", "--batch-check=%(objectname)"])
        .lines()
        .map(|hex| Oid::from_hex(hex.as_bytes()).expect("an oid"))
        .collect();
    let dir = lab.path("a.git/objects/pack");
    let files =
        std::fs::read_dir(&dir).expect("a directory").map(|entry| entry.expect("an entry").path());
    let files: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|end| end == "pack" || end == "idx"))
        .collect();
    for path in files {
        let whole = std::fs::read(&path).expect("a file");
        std::fs::remove_file(&path).expect("removed");
        for step in 0..60 {
            let mut damaged = whole.clone();
            let at = step * whole.len() / 60;
            if step % 3 == 0 {
                damaged.truncate(at);
            } else {
                damaged[at] ^= 0x55;
            }
            support::write(&path, &damaged);
            let Ok(repository) = block_on(lab.engine().open("a.git")) else { continue };
            for oid in &oids {
                _ = block_on(repository.odb().read(oid));
            }
        }
        support::write(&path, &whole);
    }
}

#[test]
fn a_quoted_alternate_is_followed() {
    let lab = Lab::new();
    lab.history("a \"b\"\t.git", 10, &[]);
    let count = same_objects(&lab, "a \"b\"\t.git");
    lab.git("", &["init", "-q", "--bare", "c.git"]);
    for line in
        ["\"../../a \\\"b\\\"\\t.git/objects\"\n", "\"../../a \\042b\\042\\011.git/objects\"\n"]
    {
        support::write(&lab.path("c.git/objects/info/alternates"), line.as_bytes());
        assert_eq!(same_objects(&lab, "c.git"), count);
    }
}
