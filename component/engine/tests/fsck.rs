//! What is found in objects: the same as `git index-pack --fsck-objects` finds, in its words.

mod support;

use gitwasi_engine::Error;
use gitwasi_engine::fsck::{MessageId, Severities};
use gitwasi_engine::index_pack::Options;
use support::Lab;
use support::forge::{BLOB, COMMIT, Forge, TAG, TREE, oid, replace};
use support::push::keep;

const TREE_ID: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
const WHO: &str = "A U Thor <a@example.com> 1700000000 +0000";

/// Takes a pack in, with git and without: the same lines, the same end.
fn same(lab: &Lab, what: &str, pack: &[u8], settings: &[(&str, &str)]) -> (Vec<String>, String) {
    let mut severities = Severities::default();
    let mut argument = "--fsck-objects".to_owned();
    for (number, (name, value)) in settings.iter().enumerate() {
        severities.set(name, value).expect("a setting");
        argument += &format!("{}{name}={value}", if number == 0 { '=' } else { ',' });
    }
    let options = Options { fsck: Some(severities), ..keep() };
    let taken = lab.take("b.git", pack, &options);
    let text = match &taken.result {
        Ok(_) => String::new(),
        Err(error @ Error::Malformed(_)) => error.to_string(),
        Err(error) => panic!("{what}: {error}"),
    };

    let output = lab.git_with("b.git", &["index-pack", "--stdin", &argument], pack, &[]);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let fatal = stderr.lines().find_map(|line| line.strip_prefix("fatal: ")).unwrap_or_default();
    let lines: Vec<_> = stderr.lines().filter(|line| line.contains(": object ")).collect();
    if fatal.starts_with("invalid ") {
        // Git could not even read it, and did not look further.
        assert!(!text.is_empty(), "{what}: git says {stderr}");
    } else {
        assert_eq!(taken.told.messages, lines, "{what}: git says {stderr}");
        assert_eq!(text, fatal, "{what}");
    }
    assert_eq!(output.status.success(), taken.result.is_ok(), "{what}: git says {stderr}");
    let objects = lab.path("b.git/objects/pack");
    std::fs::remove_dir_all(&objects).expect("removed");
    std::fs::create_dir(&objects).expect("made");
    (taken.told.messages, text)
}

fn lab() -> Lab {
    let lab = Lab::new();
    lab.git("", &["init", "-q", "--bare", "b.git"]);
    lab
}

/// What a tree has in common with its base is not looked at again: only that.
#[test]
fn trees_that_are_deltas() {
    let lab = lab();
    let url = |url: &str| format!("[submodule \"m\"]\n\tpath = m\n\turl = {url}\n").into_bytes();
    let (good, bad) = (url("https://example.com/m"), url("-u"));
    let (mut base, mut starts) = (Vec::new(), Vec::new());
    let modules = oid("blob", &good);
    for (name, oid) in [(".gitmodules", modules)]
        .into_iter()
        .chain(["aa", "bb", "cc", "dd", "ee", "ff"].map(|name| (name, [7; 20])))
    {
        starts.push(base.len());
        base.extend(format!("100644 {name}\0").bytes());
        base.extend(oid);
    }
    let pack = |base: &[u8], at: usize, with: &[u8]| {
        let mut forge = Forge::new();
        for blob in [&good, &bad] {
            forge.whole(BLOB, blob);
        }
        let offset = forge.whole(TREE, base);
        let first = replace(base, base.len() - 1, b"8");
        let first = forge.ofs_delta(offset, &first);
        let mut middle = base.to_vec();
        *middle.last_mut().expect("bytes") = b'8';
        forge.ofs_delta(first, &replace(&middle, at, with));
        forge.finish()
    };
    for entry in 1..starts.len() - 1 {
        let (mode, name, oid) = (starts[entry], starts[entry] + 7, starts[entry] + 10);
        for (what, at, with, expected) in [
            ("another oid", oid, &[9; 20][..], 0),
            ("no oid", oid, &[0; 20], 1),
            ("another mode", mode, b"100645", 1),
            ("another name", name, b"zz", 1),
            ("no name", name, b"..", 2),
            ("a name twice", name, &base[starts[entry - 1] + 7..][..2], 1),
            ("a name that is cut", name, b"a\0", 0),
        ] {
            let (lines, _) = same(&lab, &format!("{what} {entry}"), &pack(&base, at, with), &[]);
            if entry > 1 {
                assert!(lines.len() >= expected, "{what} {entry}: {lines:?}");
            }
        }
    }
    let at = starts[1] - 20;
    let (lines, _) = same(&lab, "modules", &pack(&base, at, &oid("blob", &bad)), &[]);
    assert!(lines[0].contains("gitmodulesUrl"), "{lines:?}");

    // What is wrong with the base is wrong with all of them.
    base[starts[2] + 10..starts[3]].fill(0);
    for (severity, expected) in [("warn", 3), ("error", 1), ("ignore", 0)] {
        let pack = pack(&base, starts[4] + 10, &[9; 20]);
        let (lines, _) = same(&lab, severity, &pack, &[("nullSha1", severity)]);
        assert_eq!(lines.len(), expected, "{lines:?}");
    }
}

fn one(kind: u8, content: &[u8]) -> Vec<u8> {
    let mut forge = Forge::new();
    forge.whole(BLOB, b"");
    forge.whole(kind, content);
    forge.finish()
}

fn commit(lines: &[&str]) -> Vec<u8> {
    lines.iter().flat_map(|line| format!("{line}\n").into_bytes()).collect()
}

fn idents() -> Vec<String> {
    [
        "",
        " ",
        "A",
        "<a@b> 1 +0000",
        " <a@b> 1 +0000",
        "A> <a@b> 1 +0000",
        "A<a@b> 1 +0000",
        "A <a@b",
        "A <a@b>",
        "A <a@b>1 +0000",
        "A <a<b> 1 +0000",
        "A <a@b> ",
        "A <a@b> x +0000",
        "A <a@b> 1",
        "A <a@b> 1x +0000",
        "A <a@b> 01 +0000",
        "A <a@b> 0 +0000",
        "A <a@b> 0",
        "A <a@b>  1 +0000",
        "A <a@b> \t 1 +0000",
        "A <a@b> -1 +0000",
        "A <a@b> 9223372036854775807 +0000",
        "A <a@b> 9223372036854775808 +0000",
        "A <a@b> 18446744073709551615 +0000",
        "A <a@b> 18446744073709551616 +0000",
        "A <a@b> 99999999999999999999999 +0000",
        "A <a@b> 1 0000",
        "A <a@b> 1 +000",
        "A <a@b> 1 +00000",
        "A <a@b> 1 +0a00",
        "A <a@b> 1 +0000 ",
        "A <a@b> 1  +0000",
        "A <> 1 +0000",
        "A <a@b>> 1 +0000",
        "A <a b> 1 -9999",
        "A B <a@b> 1 +0000",
        "\t<a@b> 1 +0000",
    ]
    .map(str::to_owned)
    .to_vec()
}

#[test]
fn commits_are_judged_as_git_judges_them() {
    let lab = lab();
    let tree = format!("tree {TREE_ID}");
    let parent = format!("parent {}", "a".repeat(40));
    let (author, committer) = (format!("author {WHO}"), format!("committer {WHO}"));
    let cases: Vec<Vec<&str>> = vec![
        vec![&tree, &author, &committer, "", "good"],
        vec![&tree, &author, &committer],
        vec![&tree, &parent, &parent, &author, &committer, "gpgsig x", " y", "", "good"],
        vec![&author, &committer, "", "no tree"],
        vec!["tree xyz", &author, &committer, "", "bad tree"],
        vec!["tree 4b825dc642cb6eb9a060e54bf8d69288fbee490", &author, &committer, ""],
        vec!["tree 4b825dc642cb6eb9a060e54bf8d69288fbee49044", &author, &committer, ""],
        vec![&tree, "parent abc", &author, &committer, ""],
        vec![&tree, &parent, "parent ", &author, &committer, ""],
        vec![&tree, &committer, "", "no author"],
        vec![&tree, &author, "", "no committer"],
        vec![&tree, &author, &author, &committer, "", "two authors"],
        vec![&tree, &committer, &author, "", "swapped"],
        vec![&tree, "", &author, &committer],
        vec![&tree, &author, &committer, &committer, "", "two committers"],
        vec![&tree, &author, &committer, "", "NUL \0 in the body"],
        vec![&tree, &author, "committer A \0 <a@b> 1 +0000", ""],
        vec![&tree],
        vec![],
    ];
    for case in &cases {
        same(&lab, &format!("{case:?}"), &one(COMMIT, &commit(case)), &[]);
    }
    for ident in idents() {
        for case in [
            vec![tree.clone(), format!("author {ident}"), committer.clone(), String::new()],
            vec![tree.clone(), author.clone(), format!("committer {ident}"), String::new()],
        ] {
            let lines: Vec<_> = case.iter().map(String::as_str).collect();
            same(&lab, &format!("{case:?}"), &one(COMMIT, &commit(&lines)), &[]);
        }
    }
    let mut cut = commit(&cases[0]);
    cut.truncate(cut.len() - 10);
    for end in [0, 4, 5, 44, 45, 46, 90, 120, 131, 140] {
        same(&lab, &format!("cut at {end}"), &one(COMMIT, &cut[..end.min(cut.len())]), &[]);
    }
}

#[test]
fn tags_are_judged_as_git_judges_them() {
    let lab = lab();
    let object = format!("object {TREE_ID}");
    let tagger = format!("tagger {WHO}");
    let mut cases: Vec<Vec<String>> = [
        vec![&object[..], "type tree", "tag v1", &tagger, "", "good"],
        vec![&object, "type tree", "tag v1", "", "no tagger"],
        vec![&object, "type tree", "tag v1"],
        vec![&object, "type tree", "tag v1", &tagger],
        vec![&object, "type tree", &tagger, "", "no tag"],
        vec![&object, "tag v1", &tagger, "", "no type"],
        vec!["type tree", "tag v1", &tagger, "", "no object"],
        vec!["object 123", "type tree", "tag v1", &tagger, ""],
        vec![&object, "type trees", "tag v1", &tagger, ""],
        vec![&object, "type ", "tag v1", &tagger, ""],
        vec![&object, "type tree", "tag v1", &tagger, "extra x", "", "y"],
        vec![&object, "type tree", "tag v1", &tagger, "", "NUL \0"],
        vec![&object, "type tree", "tag v\x001", &tagger, ""],
        vec![&object],
        vec![&object, "type tree"],
        vec![],
    ]
    .iter()
    .map(|lines| lines.iter().map(|line| (*line).to_owned()).collect())
    .collect();
    for name in [
        "", "a b", "a..b", "a/", "/a", "a//b", ".a", "a/.b", "a.", "a.lock", "a.lock/b", "a~b",
        "a^b", "a:b", "a?b", "a*b", "a[b", "a\\b", "a@{b", "@", "a@b", "a\x7fb", "a\tb", "-a",
        "HEAD", "ä", "a/b", "{", "a.lock.",
    ] {
        cases.push(vec![
            object.clone(),
            "type tree".into(),
            format!("tag {name}"),
            tagger.clone(),
            String::new(),
        ]);
    }
    for ident in idents() {
        cases.push(vec![
            object.clone(),
            "type tree".into(),
            "tag v1".into(),
            format!("tagger {ident}"),
            String::new(),
        ]);
    }
    for case in &cases {
        let lines: Vec<_> = case.iter().map(String::as_str).collect();
        let content = commit(&lines);
        let (messages, _) = same(&lab, &format!("{case:?}"), &one(TAG, &content), &[]);
        if messages.is_empty() {
            continue;
        }
        // `git mktag` looks at what `index-pack` does not get to read.
        let output = lab.git_with("b.git", &["mktag", "--no-strict"], &content, &[]);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        let git: Vec<_> = stderr
            .lines()
            .filter_map(|line| line.strip_prefix("error: tag input does not pass fsck: "))
            .map(str::to_owned)
            .collect();
        let ours: Vec<_> = messages
            .iter()
            .filter(|line| line.starts_with("error: "))
            .filter_map(|line| line.splitn(3, ": ").nth(2).map(str::to_owned))
            .collect();
        assert_eq!(ours, git, "{case:?}");
    }
}

fn entry(mode: &str, name: &str) -> Vec<u8> {
    let mut entry = format!("{mode} {name}\0").into_bytes();
    entry.extend(oid("blob", b""));
    entry
}

fn tree(entries: &[(&str, &str)]) -> Vec<u8> {
    entries.iter().flat_map(|(mode, name)| entry(mode, name)).collect()
}

#[test]
fn trees_are_judged_as_git_judges_them() {
    let lab = lab();
    let file = "100644";
    let cases: Vec<Vec<(&str, &str)>> = vec![
        vec![],
        vec![(file, "a"), ("40000", "b"), ("100755", "c"), ("120000", "d"), ("160000", "e")],
        vec![(file, "b"), (file, "a")],
        vec![(file, "a"), (file, "a")],
        vec![(file, "a"), ("40000", "a")],
        vec![("40000", "a"), (file, "a.b")],
        vec![(file, "a.b"), ("40000", "a")],
        vec![(file, "a"), (file, "a.b"), ("40000", "a")],
        vec![(file, "a"), (file, "a.b"), (file, "a.b.c"), ("40000", "a.b"), ("40000", "a")],
        vec![(file, "a"), (file, "a-"), ("40000", "a-b"), ("40000", "a")],
        vec![(file, "a"), ("40000", "ab"), ("40000", "a")],
        vec![(file, "a/b")],
        vec![(file, "/a")],
        vec![(file, "")],
        vec![(file, "a"), (file, "")],
        vec![(file, ".")],
        vec![("40000", "..")],
        vec![(file, "."), (file, ".."), (file, ".git")],
        vec![("0100644", "a")],
        vec![("040000", "a")],
        vec![("100664", "a")],
        vec![("100600", "a")],
        vec![("0", "a")],
        vec![("", "a")],
        vec![("170000", "a")],
        vec![("1100644", "a")],
        vec![("777777777777777777", "a")],
        vec![("10064x", "a")],
        vec![("-100644", "a")],
        vec![("120000", ".gitmodules")],
        vec![("120000", ".gitattributes"), ("120000", ".gitignore"), ("120000", ".mailmap")],
        vec![("120777", ".gitmodules")],
    ];
    for case in &cases {
        same(&lab, &format!("{case:?}"), &one(TREE, &tree(case)), &[]);
    }
    for name in [
        ".git",
        ".GIT",
        ".git ",
        ".git.",
        ".git. .",
        ".gitx",
        ".git:x",
        ".git::$INDEX",
        "git~1",
        "GIT~1",
        "git~2",
        "git~1 ",
        "git~1x",
        ".g\u{200c}it",
        ".g\u{200b}it",
        "\u{feff}.git",
        ".git\u{206f}",
        "a\\.git",
        "a\\git~1",
        "a\\b\\.git\\c",
        ".git\\a",
        ".gitmodules",
        ".GITMODULES",
        "gitmod~1",
        "gitmod~4",
        "gitmod~5",
        "GITMOD~1",
        "gi7eba~1",
        "gi7eba~9",
        "gi7eb~10",
        "~1000000",
        "gi7eba~0",
        ".gitmodules ",
        ".gitmodules.",
        ".gitmodules:a",
        ".gitmodules,",
        ".gitm\u{200c}odules",
        "a\\.gitmodules",
        "a\\gitmod~1",
        ".gitattributes",
        "gitatt~1",
        "gi7d29~1",
        ".gitignore",
        "gitign~1",
        "gi250a~1",
        ".mailmap",
        "mailma~1",
        "maba30~1",
        "a\\.gitattributes",
        ".git\u{fffd}",
        "MAILMA~1",
        "~",
        "g",
        ".",
        "git",
    ] {
        for mode in [file, "120000", "40000", "160000"] {
            same(&lab, &format!("{mode} {name:?}"), &one(TREE, &tree(&[(mode, name)])), &[]);
        }
    }
    for bytes in
        [&b"\xff.git"[..], b".git\xff", b".g\xe2\x80\x8cit", b".g\xe2\x80it", b"\xc0\xae.git"]
    {
        let mut content = b"100644 ".to_vec();
        content.extend(bytes);
        content.push(0);
        content.extend(oid("blob", b""));
        same(&lab, &format!("{bytes:?}"), &one(TREE, &content), &[]);
    }
    let mut null = b"100644 a\0".to_vec();
    null.extend([0; 20]);
    same(&lab, "null", &one(TREE, &null), &[]);
    let long = "x".repeat(5000);
    same(&lab, "long", &one(TREE, &tree(&[(file, &long)])), &[]);
    same(&lab, "long", &one(TREE, &tree(&[(file, &long[..4096])])), &[]);
    let whole = tree(&[(file, "b"), ("100600", "a"), (file, "c")]);
    for end in 0..whole.len() {
        same(&lab, &format!("cut at {end}"), &one(TREE, &whole[..end]), &[]);
    }
}

fn with_blob(name: &str, content: &[u8]) -> Vec<u8> {
    let mut tree = format!("100644 {name}\0").into_bytes();
    tree.extend(oid("blob", content));
    let mut forge = Forge::new();
    forge.whole(BLOB, content);
    forge.whole(TREE, &tree);
    forge.finish()
}

#[test]
fn gitmodules_are_judged_as_git_judges_them() {
    let lab = lab();
    for url in [
        "../x",
        "-x",
        "../../:x",
        "..:x",
        "../:x",
        "..\\:x",
        "./../:x",
        "..//x",
        "./%0ax",
        "../%0Ax",
        "git://a/%0a",
        "git://a/b",
        "git://%0a",
        "https://a/b",
        "https://a/%0a",
        "https://a",
        "https://",
        "http:///x",
        "https://%0a/",
        "http::https://a/%0a",
        "http::x",
        "https::https://a",
        "ftp://a/%0d",
        "ftps://a/b?%0a",
        "https://a:1/b",
        "https://a:0/",
        "https://a:99999/",
        "https://a:x/",
        "https://a:/",
        "https://a/..",
        "https://a/b/..",
        "https://a/b/../..",
        "https://a/%2e%2e",
        "https://a/%zz",
        "https://a/%",
        "https://u:p@a/b",
        "https://u%0a@a/b",
        "https://a b/",
        "https://[::1]/x",
        "https://[::1]:80/x",
        "https://a_b/",
        "https://a#%0a",
        "https://a?%zz",
        "ssh://a/%0a",
        "a:b",
        "/abs",
        "x\\ny",
        "HTTPS://a/%0a",
        "https://a//b/../..",
        "https://a/./..",
        "http://a/%2f..",
        "https://@a/",
        "https://a@/b",
        "https://:1/",
        "https://a/%250a",
        "https://a/%00%0a",
        "file:///x",
        "http://a:00080/",
        "http://a:000/",
        "https://a:b@c:1/",
    ] {
        let content =
            format!("[submodule \"x\"]\n\turl = \"{}\"\n", url.replace("..\\:", "..\\\\:"));
        same(&lab, url, &with_blob(".gitmodules", content.as_bytes()), &[]);
    }
    for content in [
        "",
        "[submodule \"../x\"]\n",
        "[submodule \"../x\"]\npath=a\n",
        "[submodule \"..\"]\nurl=a\n",
        "[submodule \"a/../b\"]\nx\n",
        "[submodule \"a\\\\..\\\\b\"]\nx\n",
        "[submodule \"a..b\"]\nx\n",
        "[submodule \"\"]\nx\n",
        "[submodule]\nurl=-a\n",
        "[submodule \"x\"]\npath=-a\n",
        "[submodule \"x\"]\nPath = \"-a\"\n",
        "[submodule \"x\"]\nupdate=!rm\n",
        "[submodule \"x\"]\nupdate=none\n",
        "[submodule \"x\"]\nupdate = foo\n",
        "[submodule.X]\nurl=-a\n",
        "[Submodule \"x\"]\nURL=-a\n",
        "[sub \"x\"]\nurl=-a\n",
        "[submodule \"x\"]\nurl\n",
        "[submodule \"x\"]\nurl=-a\n[broken\n",
        "[broken\n[submodule \"x\"]\nurl=-a\n",
        "garbage",
        "[submodule \"x\"]\nurl = a\\\n-b\n",
        "[submodule \"x\"] url=-a",
        "[submodule \"x\"]\r\nurl=-a\r\n",
        "[submodule \"x\"]\nurl=-a ; c\n",
        "[submodule \"x\"]\nurl=\"-a",
        "[submodule \"x\"]\n# c\n; d\nurl=-a\npath=-b\nupdate=!c\n",
        "[submodule \"x\"]\nurl=-\0a\n",
        "[submodule \"x\"]\nurl=\\x\n",
        "[submodule \"x\"\nurl=-a\n",
        "[submodule \"x\"]\n1url=-a\n",
        "[submodule \"x\"]\nu_rl=-a\n",
    ] {
        same(&lab, content, &with_blob(".gitmodules", content.as_bytes()), &[]);
        same(&lab, content, &with_blob("GITMOD~1", content.as_bytes()), &[]);
    }
}

#[test]
fn sha256_objects_are_judged_by_their_own_oids() {
    let lab = Lab::new();
    for name in ["b.git", "source.git"] {
        lab.git("", &["init", "-q", "--bare", "--object-format=sha256", name]);
    }
    let tree = lab.git("source.git", &["hash-object", "-t", "tree", "/dev/null"]);
    let (author, committer) = (format!("author {WHO}"), format!("committer {WHO}"));
    let (wrong, right) = (format!("tree {TREE_ID}"), format!("tree {tree}"));
    let (object, tagger) = (format!("object {tree}"), format!("tagger {WHO}"));
    let entry = |length: usize| [&b"100644 a\0"[..], &vec![7; length]].concat();
    for (kind, content) in [
        ("commit", commit(&[&wrong, &author, &committer, ""])),
        ("commit", commit(&[&right, &author, &committer, ""])),
        ("commit", commit(&[&right, "parent 1", &author, &committer, ""])),
        ("tag", commit(&[&object, "type tree", "tag v1", &tagger, ""])),
        ("tree", entry(32)),
        ("tree", entry(20)),
        ("tree", [entry(32), entry(32)].concat()),
    ] {
        let args = ["hash-object", "--literally", "-w", "-t", kind, "--stdin"];
        let oid = lab.git_with("source.git", &args, &content, &[]).stdout;
        let pack = lab.git_with("source.git", &["pack-objects", "--stdout", "-q"], &oid, &[]);
        let what = format!("{kind} {}", String::from_utf8_lossy(&content));
        same(&lab, &what, &pack.stdout, &[]);
    }
}

#[test]
fn gitattributes_are_judged_as_git_judges_them() {
    let lab = lab();
    for length in [10, 2047, 2048, 5000] {
        for end in ["", "\n", "\nx\n", "\0"] {
            let content = format!("a b\n{}{end}", "x".repeat(length));
            same(
                &lab,
                &format!("{length}{end:?}"),
                &with_blob(".gitattributes", content.as_bytes()),
                &[],
            );
        }
        let content = format!("\0\n{}", "x".repeat(length));
        same(&lab, "after NUL", &with_blob(".gitattributes", content.as_bytes()), &[]);
    }
}

#[test]
fn what_is_named_gitmodules_and_is_no_blob_or_missing_is_refused() {
    let lab = lab();
    let commit = commit(&[
        &format!("tree {TREE_ID}"),
        &format!("author {WHO}"),
        &format!("committer {WHO}"),
        "",
    ]);
    for name in [".gitmodules", ".gitattributes"] {
        let mut tree = format!("100644 {name}\0").into_bytes();
        tree.extend(oid("commit", &commit));
        let mut forge = Forge::new();
        forge.whole(TREE, &tree);
        forge.whole(COMMIT, &commit);
        let (messages, _) = same(&lab, name, &forge.finish(), &[]);
        assert!(messages[0].ends_with(&format!("non-blob found at {name}")), "{messages:?}");
    }
    // Git reads it once it is checked out, but not here.
    let taken = lab.take(
        "b.git",
        &with_blob(".gitmodules", "\u{feff}[submodule \"x\"]\nurl=-a".as_bytes()),
        &keep(),
    );
    assert!(taken.told.messages[0].contains("gitmodulesUrl"), "{:?}", taken.told.messages);
    // Git leaves a missing `.gitmodules` to whoever started it.
    let mut forge = Forge::new();
    forge.whole(TREE, &entry("100644", ".gitmodules"));
    let taken = lab.take("b.git", &forge.finish(), &keep());
    assert_eq!(taken.error().to_string(), "fsck error in pack objects");
    assert!(taken.told.messages[0].contains("gitmodulesMissing: unable to read .gitmodules blob"));
}

#[test]
fn findings_follow_the_configuration() {
    let lab = lab();
    let dup = one(TREE, &tree(&[("100644", "a"), ("100644", "a")]));
    for value in ["warn", "ignore", "error"] {
        let (messages, text) = same(&lab, value, &dup, &[("duplicateEntries", value)]);
        assert_eq!(messages.is_empty(), value == "ignore");
        assert_eq!(text.is_empty(), value != "error");
    }
    let dates =
        commit(&[&format!("tree {TREE_ID}"), "author A <a@b> x", &format!("committer {WHO}"), ""]);
    for settings in [
        &[("badDate", "warn")][..],
        &[("BADDATE", "ignore")],
        &[("badDate", "warn"), ("missingEmail", "error")],
        &[("largePathname", "warn:3")],
        &[("extraHeaderEntry", "error"), ("missingTaggerEntry", "error"), ("badTagName", "ignore")],
    ] {
        same(&lab, &format!("{settings:?}"), &one(COMMIT, &dates), settings);
        same(&lab, &format!("{settings:?}"), &one(TREE, &tree(&[("100644", "abcd")])), settings);
        let tag = commit(&[&format!("object {TREE_ID}"), "type tree", "tag a b", "x y", ""]);
        same(&lab, &format!("{settings:?}"), &one(TAG, &tag), settings);
    }
    let bad = one(COMMIT, &dates);
    let mut severities = Severities::default();
    let hex: String = oid("commit", &dates).iter().map(|byte| format!("{byte:02x}")).collect();
    severities
        .skip(format!("# known\n\n{hex} # old\n").as_bytes(), gitwasi_wire::ObjectFormat::Sha1)
        .expect("a skip list");
    let taken = lab.take("b.git", &bad, &Options { fsck: Some(severities), ..keep() });
    assert!(taken.result.is_ok() && taken.told.messages.is_empty());
    assert!(lab.take("b.git", &bad, &Options { fsck: None, ..keep() }).result.is_ok());
}

#[test]
fn every_message_has_git_s_name_and_severity() {
    // `git help -a --config` style listings name them all, as `fsck.<id>`.
    let lab = lab();
    let listed = lab.git("b.git", &["help", "--config-for-completion"]);
    let mut git: Vec<_> = listed.lines().filter_map(|line| line.strip_prefix("fsck.")).collect();
    git.retain(|name| *name != "skipList");
    git.sort_unstable();
    let mut ours: Vec<_> = MessageId::ALL.iter().map(|id| id.name()).collect();
    ours.sort_unstable();
    assert_eq!(ours, git);

    let mut severities = Severities::default();
    assert_eq!(
        severities.set("nulInHeader", "warn").expect_err("fatal").to_string(),
        "Cannot demote nulinheader to warn"
    );
    assert!(severities.set("nulInHeader", "error").is_ok());
    assert_eq!(
        severities.set("x", "warn").expect_err("unknown").to_string(),
        "skipping unknown msg id 'x'"
    );
    assert_eq!(
        severities.set("badDate", "x").expect_err("unknown").to_string(),
        "Unknown fsck message type: 'x'"
    );
}

/// One object for each message that an object of a pack can cause.
fn causes() -> Vec<(&'static str, Vec<u8>)> {
    let tree_line = format!("tree {TREE_ID}");
    let object = format!("object {TREE_ID}");
    let (author, committer) = (format!("author {WHO}"), format!("committer {WHO}"));
    let tagger = format!("tagger {WHO}");
    let by = |ident: &str| {
        let author = format!("author {ident}");
        one(COMMIT, &commit(&[&tree_line, &author, &committer, ""]))
    };
    let commit_of = |lines: &[&str]| one(COMMIT, &commit(lines));
    let tag_of = |lines: &[&str]| one(TAG, &commit(lines));
    let tree_of = |entries: &[(&str, &str)]| one(TREE, &tree(entries));
    let null = [&b"100644 a\0"[..], &[0; 20]].concat();
    let modules = |content: &str| with_blob(".gitmodules", content.as_bytes());
    let no_blob = |name: &str| {
        let empty = commit(&[&tree_line, &author, &committer, ""]);
        let mut forge = Forge::new();
        forge.whole(COMMIT, &empty);
        forge
            .whole(TREE, &[format!("100644 {name}\0").as_bytes(), &oid("commit", &empty)].concat());
        forge.finish()
    };
    vec![
        ("nulInHeader", commit_of(&[&tree_line, &author, "committer A \0 <a@b> 1 +0000", ""])),
        (
            "unterminatedHeader",
            one(COMMIT, [&tree_line, &*author, &committer].join("\n").as_bytes()),
        ),
        ("badDate", by("A <a@b> x +0000")),
        ("badDateOverflow", by("A <a@b> 99999999999999999999999 +0000")),
        ("badEmail", by("A <a@b")),
        ("badName", by("A> <a@b> 1 +0000")),
        ("badObjectSha1", tag_of(&["object x", "type tree", "tag v1", &tagger, ""])),
        ("badParentSha1", commit_of(&[&tree_line, "parent x", &author, &committer, ""])),
        ("badTimezone", by("A <a@b> 1 0000")),
        ("badTreeSha1", commit_of(&["tree x", &author, &committer, ""])),
        ("badType", tag_of(&[&object, "type what", "tag v1", &tagger, ""])),
        ("duplicateEntries", tree_of(&[("100644", "a"), ("100644", "a")])),
        ("missingAuthor", commit_of(&[&tree_line, &committer, ""])),
        ("missingCommitter", commit_of(&[&tree_line, &author, ""])),
        ("missingEmail", by("A")),
        ("missingNameBeforeEmail", by("<a@b> 1 +0000")),
        ("missingObject", tag_of(&["type tree", "tag v1", &tagger, ""])),
        ("missingSpaceBeforeDate", by("A <a@b>1 +0000")),
        ("missingSpaceBeforeEmail", by("A<a@b> 1 +0000")),
        ("missingTagEntry", tag_of(&[&object, "type tree", &tagger, ""])),
        ("missingTree", commit_of(&[&author, &committer, ""])),
        ("missingTypeEntry", tag_of(&[&object, "tag v1", &tagger, ""])),
        ("multipleAuthors", commit_of(&[&tree_line, &author, &author, &committer, ""])),
        ("treeNotSorted", tree_of(&[("100644", "b"), ("100644", "a")])),
        ("zeroPaddedDate", by("A <a@b> 01 +0000")),
        ("gitmodulesBlob", no_blob(".gitmodules")),
        ("gitmodulesName", modules("[submodule \"../x\"]\npath=a\n")),
        ("gitmodulesSymlink", tree_of(&[("120000", ".gitmodules")])),
        ("gitmodulesUrl", modules("[submodule \"x\"]\nurl=-a\n")),
        ("gitmodulesPath", modules("[submodule \"x\"]\npath=-a\n")),
        ("gitmodulesUpdate", modules("[submodule \"x\"]\nupdate=!rm\n")),
        ("gitattributesLineLength", with_blob(".gitattributes", &[b'x'; 5000])),
        ("gitattributesBlob", no_blob(".gitattributes")),
        ("badTree", tree_of(&[("100644", "")])),
        ("fullPathname", tree_of(&[("100644", "a/b")])),
        ("hasDot", tree_of(&[("40000", ".")])),
        ("hasDotdot", tree_of(&[("40000", "..")])),
        ("hasDotgit", tree_of(&[("40000", ".git")])),
        ("nullSha1", one(TREE, &null)),
        ("zeroPaddedFilemode", tree_of(&[("0100644", "a")])),
        ("nulInCommit", commit_of(&[&tree_line, &author, &committer, "", "\0"])),
        ("largePathname", tree_of(&[("100644", &"a".repeat(5000))])),
        ("badFilemode", tree_of(&[("100600", "a")])),
        ("gitmodulesParse", modules("[broken\n")),
        ("gitignoreSymlink", tree_of(&[("120000", ".gitignore")])),
        ("gitattributesSymlink", tree_of(&[("120000", ".gitattributes")])),
        ("mailmapSymlink", tree_of(&[("120000", ".mailmap")])),
        ("badTagName", tag_of(&[&object, "type tree", "tag a b", &tagger, ""])),
        ("missingTaggerEntry", tag_of(&[&object, "type tree", "tag v1", ""])),
        ("extraHeaderEntry", tag_of(&[&object, "type tree", "tag v1", &tagger, "x y", ""])),
    ]
}

/// What no object can cause that a pack brings: of files that are checked elsewhere, or that git
/// does not read at all; and what is too large, or missing, which has tests of its own.
const NOT_IN_A_PACK: &[&str] = &[
    "badRefFiletype",
    "badRefName",
    "emptyName",
    "missingTag",
    "missingType",
    "unknownType",
    "gitmodulesLarge",
    "gitmodulesMissing",
    "gitattributesLarge",
    "gitattributesMissing",
];

#[test]
fn every_message_is_as_severe_as_git_has_it() {
    let lab = lab();
    let causes = causes();
    for (name, pack) in &causes {
        let (messages, text) = same(&lab, name, pack, &[]);
        let found = messages.iter().any(|line| line.contains(&format!(": {name}: ")));
        assert!(found || *name == "extraHeaderEntry", "{name}: {messages:?} {text}");
        let output = lab.git_with("b.git", &["index-pack", "--stdin", "--fsck-objects"], pack, &[]);
        let unreadable = String::from_utf8_lossy(&output.stderr).contains("fatal: invalid ");
        // What can be told to be something else is; git still refuses what it cannot read.
        if !unreadable && !["nulInHeader", "unterminatedHeader"].contains(name) {
            for severity in ["error", "warn", "ignore"] {
                let (messages, _) = same(&lab, name, pack, &[(name, severity)]);
                let prefix = if severity == "warn" { "warning" } else { severity };
                let told = messages.iter().find(|line| line.contains(&format!(": {name}: ")));
                assert_eq!(told.is_some(), severity != "ignore", "{name}: {messages:?}");
                assert!(told.is_none_or(|line| line.starts_with(prefix)), "{messages:?}");
            }
        }
    }
    let caused: Vec<&str> = causes.iter().map(|(name, _)| *name).collect();
    for id in MessageId::ALL {
        let name = id.name();
        assert!(caused.contains(&name) != NOT_IN_A_PACK.contains(&name), "{name}");
    }
}
