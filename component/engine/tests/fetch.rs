//! The real git client clones and fetches from the engine.

mod support;

use support::{Lab, http};

/// Objects reachable in a repository.
fn objects(lab: &Lab, name: &str) -> Vec<String> {
    let list = lab.git(name, &["rev-list", "--objects", "--all", "--missing=allow-any"]);
    let mut oids: Vec<String> =
        list.lines().map(|line| line.split(' ').next().unwrap_or_default().to_owned()).collect();
    oids.sort();
    oids
}

/// Clones `name` in each version and compares with the original.
fn clones_whole(lab: &Lab, url: &str, name: &str) {
    for version in ["0", "1", "2"] {
        let copy = format!("copy-{name}-{version}");
        lab.git(
            "",
            &[
                "-c",
                &format!("protocol.version={version}"),
                "clone",
                "-q",
                "--mirror",
                &format!("{url}/{name}"),
                &copy,
            ],
        );
        lab.git(&copy, &["fsck", "--full", "--strict"]);
        assert_eq!(objects(lab, &copy), objects(lab, name), "{name} version {version}");
        let refs = ["for-each-ref"];
        assert_eq!(lab.git(&copy, &refs), lab.git(name, &refs), "{name} version {version}");
        // Nothing came that was not asked for.
        let all =
            lab.git(&copy, &["cat-file", "--batch-all-objects", "--batch-check=%(objectname)"]);
        assert_eq!(all.lines().count(), objects(lab, name).len(), "{name} version {version}");
        std::fs::remove_dir_all(lab.path(&copy)).expect("removed");
    }
}

#[test]
fn clones_of_every_layout_are_whole() {
    let lab = Lab::new();
    let url = http::serve(lab.dir.path().into());
    lab.git("", &["init", "-q", "--bare", "-b", "main", "empty.git"]);
    clones_whole(&lab, &url, "empty.git");
    lab.history("a.git", 80, &[]);
    clones_whole(&lab, &url, "a.git");
    lab.git("a.git", &["repack", "-adfq", "--depth=50"]);
    clones_whole(&lab, &url, "a.git");
    lab.history("b.git", 80, &["--object-format=sha256"]);
    lab.git("b.git", &["repack", "-adq"]);
    clones_whole(&lab, &url, "b.git");
    // Loose, unreachable and several packs.
    let tree = lab.git("a.git", &["rev-parse", "main~40^{tree}"]);
    for number in 0..6 {
        let message = format!("more {number}");
        let commit = lab.git("a.git", &["commit-tree", &tree, "-p", "main", "-m", &message]);
        lab.git("a.git", &["update-ref", "refs/heads/main", &commit]);
        lab.git("a.git", &["commit-tree", &tree, "-p", "main", "-m", "unreachable"]);
        if number % 2 == 0 {
            lab.git("a.git", &["repack", "-dq"]);
        }
    }
    clones_whole(&lab, &url, "a.git");
    lab.git("a.git", &["multi-pack-index", "write"]);
    clones_whole(&lab, &url, "a.git");
    lab.git("", &["clone", "-q", "--bare", "--shared", "a.git", "c.git"]);
    clones_whole(&lab, &url, "c.git");
}

/// A pack with bitmaps of which some refs reach all and others a part, with commits on top, and
/// with objects in it that no ref reaches.
#[test]
fn bitmaps_select_what_the_walk_selects() {
    let lab = Lab::new();
    let url = http::serve(lab.dir.path().into());
    for format in ["sha1", "sha256"] {
        let name = &format!("{format}.git");
        lab.history(name, 150, &[&format!("--object-format={format}")]);
        lab.git(name, &["repack", "-adfq", "--write-bitmap-index"]);
        assert!(std::fs::read_dir(lab.path(name).join("objects/pack")).expect("a directory").any(
            |entry| {
                entry.is_ok_and(|entry| entry.path().extension().is_some_and(|end| end == "bitmap"))
            }
        ));
        clones_whole(&lab, &url, name);
        let tree = lab.git(name, &["rev-parse", "main~40^{tree}"]);
        let commit = lab.git(name, &["commit-tree", &tree, "-p", "main", "-m", "more"]);
        lab.git(name, &["update-ref", "refs/heads/main", &commit]);
        clones_whole(&lab, &url, name);
        for tag in lab.git(name, &["tag"]).lines() {
            lab.git(name, &["update-ref", "-d", &format!("refs/tags/{tag}")]);
        }
        lab.git(name, &["update-ref", "-d", "refs/heads/side"]);
        lab.git(name, &["update-ref", "refs/heads/main", "main~33"]);
        clones_whole(&lab, &url, name);
        lab.git(name, &["update-ref", "refs/heads/main", "main~5"]);
        lab.git(name, &["repack", "-dq"]);
        lab.git(name, &["multi-pack-index", "write"]);
        clones_whole(&lab, &url, name);
    }
}

#[test]
fn every_loose_object_is_sent() {
    let lab = Lab::new();
    let url = http::serve(lab.dir.path().into());
    lab.history("packed.git", 15, &[]);
    lab.git("", &["init", "-q", "--bare", "-b", "main", "a.git"]);
    let pack = std::fs::read_dir(lab.path("packed.git/objects/pack")).expect("a directory");
    for file in pack.map(|entry| entry.expect("an entry").path()) {
        if file.extension().is_some_and(|end| end == "pack") {
            let bytes = std::fs::read(file).expect("a pack");
            assert!(lab.git_with("a.git", &["unpack-objects", "-q"], &bytes, &[]).status.success());
        }
    }
    let main = lab.git("packed.git", &["rev-parse", "main"]);
    lab.git("a.git", &["update-ref", "refs/heads/main", &main]);
    let big: Vec<u8> = (0..700_000u32).flat_map(|number| (number / 3).to_le_bytes()).collect();
    support::write(&lab.path("big"), &big);
    let blob = lab.git("a.git", &["hash-object", "-w", "../big"]);
    lab.git("a.git", &["update-ref", "refs/tags/big", &blob]);
    clones_whole(&lab, &url, "a.git");
}

#[test]
fn fetches_step_by_step_get_what_is_new() {
    let lab = Lab::new();
    let url = http::serve(lab.dir.path().into());
    lab.history("a.git", 100, &[]);
    lab.git("a.git", &["repack", "-adfq"]);
    let tip = lab.git("a.git", &["rev-parse", "main"]);
    for version in ["0", "2"] {
        let copy = format!("copy{version}");
        let protocol = format!("protocol.version={version}");
        lab.git("a.git", &["update-ref", "refs/heads/main", &format!("{tip}~30")]);
        lab.git(
            "",
            &[
                "-c",
                &protocol,
                "clone",
                "-q",
                "--bare",
                "--no-tags",
                "--single-branch",
                &format!("{url}/a.git"),
                &copy,
            ],
        );
        for back in [29, 25, 12, 11, 0] {
            lab.git("a.git", &["update-ref", "refs/heads/main", &format!("{tip}~{back}")]);
            let before = lab.git(&copy, &["count-objects", "-v"]);
            lab.git(
                &copy,
                &[
                    "-c",
                    &protocol,
                    "-c",
                    "fetch.unpackLimit=1",
                    "fetch",
                    "-q",
                    "origin",
                    "+refs/heads/main:refs/heads/main",
                ],
            );
            lab.git(&copy, &["fsck", "--full", "--strict"]);
            let want = lab.git("a.git", &["rev-list", "--objects", "main"]).lines().count();
            let have = lab.git(&copy, &["rev-list", "--objects", "main"]).lines().count();
            assert_eq!(want, have, "{before}");
        }
        lab.git(
            &copy,
            &[
                "-c",
                &protocol,
                "fetch",
                "-q",
                "origin",
                "refs/tags/*:refs/tags/*",
                "refs/heads/*:refs/heads/*",
            ],
        );
        lab.git(&copy, &["fsck", "--full", "--strict"]);
        assert_eq!(objects(&lab, &copy), objects(&lab, "a.git"), "version {version}");
    }
}

#[test]
fn shallow_clones_deepen_and_unshallow() {
    // Deepening by --shallow-exclude is left out: git's own server then names commits as shallow
    // that lie behind others and are not sent, and its client trips over them later.
    let lab = Lab::new();
    let url = &format!("{}/a.git", http::serve(lab.dir.path().into()));
    let file = &format!("file://{}", lab.path("a.git").display());
    lab.history("a.git", 60, &[]);
    let since = "--shallow-since=1700003500 +0000";
    for version in ["0", "2"] {
        let protocol = &format!("protocol.version={version}");
        let steps: [&[&str]; 6] = [
            &["--depth=2"],
            &["--depth=5"],
            &["--deepen=3"],
            &["--depth=3"],
            &[since],
            &["--unshallow"],
        ];
        for start in ["--depth=1", since, "--shallow-exclude=v35"] {
            let names = [format!("ours{version}"), format!("git{version}")];
            for (name, url) in names.iter().zip([url, file]) {
                lab.git("", &["-c", protocol, "clone", "-q", "--bare", start, url, name]);
            }
            let compare = |what: &str| {
                let state = |name: &str| {
                    let shallow = std::fs::read_to_string(lab.path(name).join("shallow"));
                    let mut shallow: Vec<String> =
                        shallow.unwrap_or_default().lines().map(str::to_owned).collect();
                    shallow.sort();
                    (shallow, objects(&lab, name))
                };
                assert_eq!(state(&names[0]), state(&names[1]), "version {version} {start} {what}");
                lab.git(&names[0], &["fsck", "--full", "--strict"]);
            };
            compare("clone");
            for step in steps {
                for name in &names {
                    let mut arguments = vec!["-c", protocol, "fetch", "-q"];
                    arguments.extend(step);
                    arguments.extend(["origin", "main"]);
                    lab.git(name, &arguments);
                }
                compare(step[0]);
            }
            for name in names {
                std::fs::remove_dir_all(lab.path(&name)).expect("removed");
            }
        }
    }
}

#[test]
fn filters_leave_out_what_git_leaves_out() {
    let lab = Lab::new();
    let url = &format!("{}/a.git", http::serve(lab.dir.path().into()));
    let file = &format!("file://{}", lab.path("a.git").display());
    lab.history("a.git", 60, &[]);
    lab.git("a.git", &["config", "uploadpack.allowFilter", "true"]);
    for filter in [
        "blob:none",
        "blob:limit=200",
        "tree:0",
        "tree:1",
        "tree:2",
        "tree:3",
        "object:type=commit",
        "object:type=tree",
        "object:type=blob",
        "combine:blob:limit=300+tree:4",
    ] {
        let filter = &format!("--filter={filter}");
        let names = ["ours", "git"];
        for (name, url) in names.iter().zip([url, file]) {
            lab.git("", &["clone", "-q", "--bare", filter, url, name]);
        }
        let all = |name| {
            let list = lab.git(name, &["cat-file", "--batch-all-objects", "--batch-check"]);
            list.lines().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(all("ours"), all("git"), "{filter}");
        for name in names {
            std::fs::remove_dir_all(lab.path(name)).expect("removed");
        }
    }
}

/// Whatever is offered, the client takes to, and gets along with.
#[test]
fn clients_use_what_is_offered() {
    let lab = Lab::new();
    let url = http::serve(lab.dir.path().into());
    lab.history("a.git", 60, &[]);
    lab.git("a.git", &["branch", "old", "main~20"]);
    lab.git("a.git", &["bundle", "create", "-q", "../old.bundle", "old"]);
    let bundle = lab.path("old.bundle").display().to_string();
    for (key, value) in [
        ("uploadpack.allowFilter", "true"),
        ("uploadpack.allowRefInWant", "true"),
        ("uploadpack.allowAnySHA1InWant", "true"),
        ("uploadpack.allowSidebandAll", "true"),
        ("uploadpack.advertiseBundleURIs", "true"),
        ("transfer.advertiseSID", "true"),
        ("transfer.advertiseObjectInfo", "true"),
        ("bundle.version", "1"),
        ("bundle.mode", "all"),
        ("bundle.old.uri", &bundle),
    ] {
        lab.git("a.git", &["config", key, value]);
    }
    for version in ["0", "1", "2"] {
        let output = lab.git_with(
            "",
            &[
                "-c",
                &format!("protocol.version={version}"),
                "-c",
                "transfer.bundleURI=true",
                "-c",
                "transfer.advertiseSID=true",
                "clone",
                "--mirror",
                "--progress",
                &format!("{url}/a.git"),
                "copy",
            ],
            b"",
            &[("GIT_TEST_SIDEBAND_ALL", "1")],
        );
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        for line in ["remote: Enumerating objects: ", "remote: Counting objects: 100%", "Total "] {
            assert!(said.contains(line), "version {version}: {said}");
        }
        lab.git("copy", &["fsck", "--full", "--strict"]);
        assert_eq!(objects(&lab, "copy"), objects(&lab, "a.git"), "version {version}");
        // The bundle was fetched, and the rest only after it.
        let bundles = lab.git("copy", &["for-each-ref", "refs/bundles"]);
        assert_eq!(bundles.is_empty(), version != "2", "version {version}: {bundles}");
        std::fs::remove_dir_all(lab.path("copy")).expect("removed");
    }
}

/// A partial clone comes back for what it left out, one object at a time.
#[test]
fn partial_clones_fetch_what_is_missing_when_they_need_it() {
    let lab = Lab::new();
    let url = &format!("{}/a.git", http::serve(lab.dir.path().into()));
    lab.history("a.git", 40, &[]);
    lab.git("a.git", &["config", "uploadpack.allowFilter", "true"]);
    for version in ["0", "2"] {
        if version == "0" {
            lab.git("a.git", &["config", "uploadpack.allowReachableSHA1InWant", "true"]);
        }
        for filter in ["blob:none", "tree:0"] {
            let protocol = &format!("protocol.version={version}");
            let filter = &format!("--filter={filter}");
            lab.git("", &["-c", protocol, "clone", "-q", "--no-checkout", filter, url, "copy"]);
            lab.git("copy", &["-c", protocol, "checkout", "-q", "main"]);
            let ours = lab.git("copy", &["ls-files", "-s"]);
            let theirs = lab.git("a.git", &["ls-tree", "-r", "main"]);
            assert_eq!(ours.lines().count(), theirs.lines().count(), "{filter}");
            std::fs::remove_dir_all(lab.path("copy")).expect("removed");
        }
    }
}
