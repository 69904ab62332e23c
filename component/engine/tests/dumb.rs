//! The dumb protocol's files, beside the answers of git-http-backend.

mod support;

use std::rc::Rc;

use gitwasi_engine::dumb::{self, Name};
use gitwasi_engine::storage::native::{NativeStorage, block_on};
use gitwasi_engine::{Engine, Error, Limits, Repository};
use support::Lab;

/// What git-http-backend answers to a GET: the body, or `None` for 404.
fn http_backend(lab: &Lab, repository: &str, path: &str) -> Option<Vec<u8>> {
    let root = lab.dir.path().to_str().expect("a name");
    let environment = [
        ("GIT_PROJECT_ROOT", root),
        ("GIT_HTTP_EXPORT_ALL", "1"),
        ("REQUEST_METHOD", "GET"),
        ("PATH_INFO", &format!("/{repository}/{path}")),
        ("QUERY_STRING", ""),
    ];
    let output = lab.git_with("", &["http-backend"], b"", &environment);
    let end = output.stdout.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
    let (head, body) = output.stdout.split_at(end + 4);
    let head = String::from_utf8_lossy(head);
    match head.lines().find(|line| line.starts_with("Status:")) {
        None => Some(body.to_vec()),
        Some("Status: 404 Not Found") => None,
        Some(status) => panic!("{path}: {status}"),
    }
}

fn read(
    repository: &Rc<Repository<NativeStorage>>,
    name: &Name,
    offset: u64,
    length: Option<u64>,
) -> Result<Option<Vec<u8>>, Error> {
    block_on(async {
        let Some(file) = dumb::open(repository, name).await? else { return Ok(None) };
        let mut out = Vec::new();
        file.read(offset, length, &mut out).await?;
        Ok(Some(out))
    })
}

/// The files of one repository, by what they are called in a URL.
fn files(lab: &Lab, repository: &str) -> Vec<(String, Name)> {
    let mut files = vec![
        ("HEAD".to_owned(), Name::Head),
        ("info/refs".to_owned(), Name::InfoRefs),
        ("objects/info/packs".to_owned(), Name::Packs),
    ];
    for name in ["alternates", "http-alternates"] {
        files.push((format!("objects/info/{name}"), Name::Info(name.to_owned())));
    }
    let oids = lab.git(repository, &["rev-parse", "--all", "HEAD^{tree}"]);
    for oid in oids.lines().filter(|line| !line.starts_with(['^', 'H'])) {
        let path = format!("objects/{}/{}", &oid[..2], &oid[2..]);
        files.push((path, Name::LooseObject(oid.to_owned())));
    }
    let missing = "0".repeat(40);
    for entry in std::fs::read_dir(lab.path(repository).join("objects/pack")).expect("packs") {
        let name = entry.expect("an entry").file_name().into_string().expect("a name");
        let checksum =
            |extension: &str| Some(name.strip_prefix("pack-")?.strip_suffix(extension)?.to_owned());
        if let Some(checksum) = checksum(".pack") {
            files.push((format!("objects/pack/{name}"), Name::Pack(checksum)));
        }
        if let Some(checksum) = checksum(".idx") {
            files.push((format!("objects/pack/{name}"), Name::PackIndex(checksum)));
        }
    }
    files.push((format!("objects/pack/pack-{missing}.pack"), Name::Pack(missing.clone())));
    files.push((format!("objects/pack/pack-{missing}.idx"), Name::PackIndex(missing.clone())));
    files.push((format!("objects/00/{}", &missing[2..]), Name::LooseObject(missing)));
    files
}

fn same(lab: &Lab, name: &str) {
    let repository = Rc::new(lab.open(name));
    for (path, file) in files(lab, name) {
        let ours = read(&repository, &file, 0, None).expect("no error");
        let text = |body: &Option<Vec<u8>>| {
            body.as_ref().map(|body| String::from_utf8_lossy(body).into_owned())
        };
        let git = http_backend(lab, name, &path);
        assert_eq!(text(&ours), text(&git), "{name} {path}");
        assert_eq!(ours, git, "{name} {path}");
    }
}

#[test]
fn an_empty_repository() {
    let lab = Lab::new();
    lab.git("", &["init", "-q", "--bare", "-b", "main", "a.git"]);
    let repository = Rc::new(lab.open("a.git"));
    for (path, file) in
        [("HEAD", Name::Head), ("info/refs", Name::InfoRefs), ("objects/info/packs", Name::Packs)]
    {
        let ours = read(&repository, &file, 0, None).expect("no error");
        assert_eq!(ours, http_backend(&lab, "a.git", path), "{path}");
    }
}

#[test]
fn loose_and_packed_objects_and_refs_of_every_kind() {
    let lab = Lab::new();
    for format in ["sha1", "sha256"] {
        let name = &format!("{format}.git");
        lab.history(name, 30, &[&format!("--object-format={format}")]);
        same(&lab, name);
        lab.git(name, &["tag", "-a", "-m", "x", "chain", "v7"]);
        lab.git(name, &["tag", "-a", "-m", "x", "tree", "main^{tree}"]);
        lab.git(name, &["symbolic-ref", "refs/heads/alias", "refs/heads/main"]);
        lab.git(name, &["symbolic-ref", "refs/heads/broken", "refs/heads/nowhere"]);
        lab.git(name, &["config", "transfer.hideRefs", "refs/tags"]);
        support::write(&lab.path(name).join("objects/info/http-alternates"), b"/x/objects\n");
        same(&lab, name);
        lab.git(name, &["repack", "-adq"]);
        lab.git(name, &["pack-refs", "--all"]);
        same(&lab, name);
    }
}

#[test]
fn detached_head_and_broken_refs() {
    let lab = Lab::new();
    lab.history("a.git", 20, &[]);
    let commit = lab.git("a.git", &["rev-parse", "main~2"]);
    lab.git("a.git", &["update-ref", "--no-deref", "HEAD", &commit]);
    let write =
        |name: &str, text: &str| support::write(&lab.path("a.git").join(name), text.as_bytes());
    write("refs/heads/missing", &format!("{}\n", "1".repeat(40)));
    write("refs/heads/garbage", "what is this\n");
    write("refs/heads/bad..name", &format!("{commit}\n"));
    // A tag of what is not there.
    let tag = format!("object {}\ntype commit\ntag x\ntagger T <t> 1 +0000\n\nx\n", "2".repeat(40));
    let hash = ["hash-object", "-t", "tag", "-w", "--stdin", "--literally"];
    let tag = lab.git_with("a.git", &hash, tag.as_bytes(), &[]);
    write("refs/tags/nothing", &String::from_utf8_lossy(&tag.stdout));
    let repository = Rc::new(lab.open("a.git"));
    for (path, file) in [("HEAD", Name::Head), ("info/refs", Name::InfoRefs)] {
        let ours = read(&repository, &file, 0, None).expect("no error").expect("a file");
        let git = http_backend(&lab, "a.git", path).expect("a file");
        assert_eq!(String::from_utf8_lossy(&ours), String::from_utf8_lossy(&git), "{path}");
    }
}

#[test]
fn only_the_packs_of_the_repository_itself_are_told() {
    let lab = Lab::new();
    lab.history("pool.git", 20, &[]);
    lab.git("pool.git", &["repack", "-adq"]);
    lab.git("", &["clone", "-q", "--bare", "--shared", "pool.git", "a.git"]);
    for number in 0..3 {
        let commit = ["commit-tree", "main^{tree}", "-p", "main", "-m", &number.to_string()];
        let commit = lab.git("a.git", &commit);
        lab.git("a.git", &["update-ref", "refs/heads/main", &commit]);
        lab.git("a.git", &["repack", "-dq", "--no-write-bitmap-index"]);
    }
    // Git tells the newest first, by the second.
    let packs = std::fs::read_dir(lab.path("a.git/objects/pack")).expect("packs");
    for (number, entry) in packs.enumerate() {
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
        let time = time + std::time::Duration::from_secs(number as u64 * 7 % 5 * 60);
        let file = std::fs::File::open(entry.expect("an entry").path()).expect("a file");
        file.set_modified(time).expect("a time");
    }
    same(&lab, "a.git");
    lab.git("a.git", &["multi-pack-index", "write"]);
    let lines = |text: Vec<u8>| {
        let mut lines: Vec<_> =
            String::from_utf8(text).expect("text").lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let repository = Rc::new(lab.open("a.git"));
    let ours = read(&repository, &Name::Packs, 0, None).expect("no error").expect("a file");
    let git = http_backend(&lab, "a.git", "objects/info/packs").expect("a file");
    assert_eq!(lines(ours), lines(git));
}

#[test]
fn parts_of_a_file_and_what_is_past_its_end() {
    let lab = Lab::new();
    lab.history("a.git", 200, &[]);
    lab.git("a.git", &["repack", "-adq"]);
    let repository = Rc::new(lab.open("a.git"));
    let files = files(&lab, "a.git");
    let (path, pack) =
        files.iter().find(|(_, name)| matches!(name, Name::Pack(_))).expect("a pack");
    let whole = std::fs::read(lab.path("a.git").join(path)).expect("a pack");
    assert!(whole.len() > 70_000, "larger than a block");
    let size = whole.len() as u64;

    let file = block_on(dumb::open(&repository, pack)).expect("no error").expect("a file");
    let modified = std::fs::metadata(lab.path("a.git").join(path)).expect("a file").modified();
    let modified = modified.expect("a time").duration_since(std::time::UNIX_EPOCH).expect("a time");
    assert_eq!(file.attributes().size, Some(size));
    assert_eq!(file.attributes().modified, Some(modified.as_secs()));

    for (offset, length) in [(0, 0), (0, 1), (1, 65_536), (65_535, 65_537 - 65_000), (size - 1, 1)]
    {
        let part = read(&repository, pack, offset, Some(length)).expect("no error");
        let expected = &whole[offset as usize..(offset + length) as usize];
        assert_eq!(part.as_deref(), Some(expected), "{offset} {length}");
    }
    assert_eq!(
        read(&repository, pack, 65_000, None).expect("no error"),
        Some(whole[65_000..].into())
    );
    assert_eq!(read(&repository, pack, size + 9, None).expect("no error"), Some(Vec::new()));
    let cut = read(&repository, pack, 10, Some(size)).expect_err("the file ends");
    assert!(matches!(cut, Error::Corrupt(_)));
    let part = read(&repository, &Name::InfoRefs, 1, None).expect_err("computed");
    assert!(matches!(part, Error::Unsupported(_)));
}

#[test]
fn names_that_leave_their_directory_are_none() {
    let lab = Lab::new();
    lab.history("a.git", 5, &[]);
    let repository = Rc::new(lab.open("a.git"));
    let config = "../../config".to_owned();
    for name in ["", ".", "..", "../../HEAD", "a/b", "nothing", "x\0y", "a\\b"] {
        assert_eq!(read(&repository, &Name::Info(name.into()), 0, None).expect("no error"), None);
    }
    for name in [config, "ä".repeat(20), "A".repeat(40), "0".repeat(39), String::new()] {
        for name in
            [Name::LooseObject(name.clone()), Name::Pack(name.clone()), Name::PackIndex(name)]
        {
            assert_eq!(read(&repository, &name, 0, None).expect("no error"), None, "{name:?}");
        }
    }
}

#[test]
fn a_file_that_shrinks_after_it_was_opened_is_an_error() {
    let lab = Lab::new();
    lab.history("a.git", 5, &[]);
    let engine = Engine::new(NativeStorage::new(lab.dir.path()), Limits::default());
    let repository = Rc::new(block_on(engine.open("a.git")).expect("a repository"));
    let path = lab.path("a.git/objects/info/alternates");
    support::write(&path, b"../../other.git/objects\n");
    let name = Name::Info("alternates".into());
    let file = block_on(dumb::open(&repository, &name)).expect("no error").expect("a file");
    let size = file.attributes().size;
    support::write(&path, b"..");
    let outcome = block_on(file.read(0, size, &mut Vec::new()));
    assert!(matches!(outcome, Err(Error::Corrupt(_))));
}
