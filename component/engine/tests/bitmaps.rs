//! Selecting by git's bitmaps and walking by its commit-graphs: the objects that git counts.

mod support;

use gitwasi_engine::storage::native::block_on;
use gitwasi_engine::upload_pack;
use gitwasi_wire::{Oid, ProtocolVersion};
use support::Lab;

/// The ways git writes bitmaps.
const BITMAPS: [&[&[&str]]; 6] = [
    &[&["repack", "-adbq"]],
    &[&["-c", "pack.writeBitmapLookupTable=true", "repack", "-adbq"]],
    &[&[
        "-c",
        "pack.writeBitmapHashCache=false",
        "-c",
        "pack.writeReverseIndex=false",
        "repack",
        "-adbq",
    ]],
    &[&["multi-pack-index", "write", "--bitmap"]],
    &[&[
        "-c",
        "pack.writeBitmapLookupTable=true",
        "multi-pack-index",
        "write",
        "--bitmap",
        "--preferred-pack",
        "PACK",
    ]],
    &[
        &["config", "bitmapPseudoMerge.all.pattern", "refs/"],
        &["config", "bitmapPseudoMerge.all.threshold", "now"],
        &["config", "bitmapPseudoMerge.all.stableThreshold", "now"],
        &["-c", "pack.writeBitmapLookupTable=true", "repack", "-adbq"],
    ],
];

/// Several packs, of which some hold the same objects, and some loose objects.
fn several_packs(lab: &Lab, name: &str) {
    for number in 0..6 {
        let tree = lab.git(name, &["rev-parse", &format!("main~{}^{{tree}}", 7 * number + 1)]);
        let message = format!("more {number}");
        let commit = lab.git(name, &["commit-tree", &tree, "-p", "main", "-m", &message]);
        lab.git(name, &["update-ref", "refs/heads/main", &commit]);
        lab.git(name, &["repack", "-dq"]);
        if number == 3 {
            let list = lab.git(name, &["rev-list", "--objects", "main~20..main~3"]);
            lab.git_with(name, &["pack-objects", "-q", "objects/pack/pack"], list.as_bytes(), &[]);
        }
    }
}

fn names(lab: &Lab, name: &str, args: &[&str]) -> Vec<String> {
    let list = lab.git_with(name, args, b"", &[]);
    assert!(list.status.success());
    let list = String::from_utf8_lossy(&list.stdout).into_owned();
    let mut names: Vec<String> =
        list.lines().map(|line| line.split(' ').next().unwrap_or_default().to_owned()).collect();
    names.sort();
    names
}

/// Fetches, indexes the pack, and returns its objects.
fn fetched(lab: &Lab, name: &str, wants: &[&str], haves: &[&str], more: &[&str]) -> Vec<String> {
    let format = lab.git(name, &["rev-parse", "--show-object-format"]);
    let mut lines = vec!["ofs-delta".to_owned(), "done".to_owned()];
    lines.extend(more.iter().map(|&line| line.to_owned()));
    lines.extend(wants.iter().map(|want| format!("want {}", lab.git(name, &["rev-parse", want]))));
    lines.extend(haves.iter().map(|have| format!("have {}", lab.git(name, &["rev-parse", have]))));
    let mut request = b"0011command=fetch".to_vec();
    let capability = format!("object-format={format}");
    request.extend(format!("{:04x}{capability}0001", capability.len() + 4).bytes());
    for line in lines {
        request.extend(format!("{:04x}{line}", line.len() + 4).bytes());
    }
    request.extend(b"0000");
    let repository = lab.open(name);
    let mut out = Vec::new();
    block_on(upload_pack::serve(&repository, ProtocolVersion::V2, &request, &mut out))
        .unwrap_or_else(|error| panic!("{name} {wants:?} {haves:?}: {error}"));
    let pack = support::band_1(&out);
    lab.git("", &["init", "-q", "--bare", &format!("--object-format={format}"), "copy.git"]);
    support::write(&lab.path("copy.git/x.pack"), &pack);
    if !haves.is_empty() {
        support::write(
            &lab.path("copy.git/objects/info/alternates"),
            format!("{}\n", lab.path(name).join("objects").display()).as_bytes(),
        );
    }
    let thin = ["index-pack", "--stdin", "--fix-thin"];
    let (args, input) = if more.contains(&"thin-pack") {
        (&thin[..], &pack[..])
    } else {
        (&["index-pack", "x.pack"][..], &[][..])
    };
    let index = lab.git_with("copy.git", args, input, &[]);
    assert!(index.status.success(), "{}", String::from_utf8_lossy(&index.stderr));
    if more.contains(&"thin-pack") {
        std::fs::remove_dir_all(lab.path("copy.git")).expect("removed");
        return Vec::new();
    }
    let list = lab.git("copy.git", &["verify-pack", "-v", "x.pack"]);
    let mut found: Vec<String> = list
        .lines()
        .filter(|line| {
            line.split(' ').next().is_some_and(|word| word.len() >= 40 && !line.contains(':'))
        })
        .map(|line| line.split(' ').next().unwrap_or_default().to_owned())
        .collect();
    found.sort();
    std::fs::remove_dir_all(lab.path("copy.git")).expect("removed");
    found
}

#[test]
fn selections_by_bitmap_are_those_of_git() {
    for (number, commands) in BITMAPS.iter().enumerate() {
        for format in if number % 3 == 0 { &["sha1", "sha256"][..] } else { &["sha1"] } {
            let lab = Lab::new();
            lab.history("a.git", 130, &[&format!("--object-format={format}")]);
            several_packs(&lab, "a.git");
            for command in *commands {
                let pack = std::fs::read_dir(lab.path("a.git/objects/pack"))
                    .expect("packs")
                    .map(|entry| {
                        entry.expect("an entry").file_name().into_string().expect("a name")
                    })
                    .filter(|name| name.ends_with(".idx"))
                    .min()
                    .expect("a pack");
                let command: Vec<&str> = command
                    .iter()
                    .map(|&word| if word == "PACK" { pack.as_str() } else { word })
                    .collect();
                lab.git("a.git", &command);
            }
            // And some that no bitmap knows: packed, and loose.
            several_packs(&lab, "a.git");
            let tree = lab.git("a.git", &["rev-parse", "main~4^{tree}"]);
            let commit = lab
                .git("a.git", &["commit-tree", &tree, "-p", "main", "-p", "side", "-m", "loose"]);
            lab.git("a.git", &["update-ref", "refs/heads/main", &commit]);
            for (wants, haves) in [
                (&["main"][..], &[][..]),
                (&["main", "side", "v7"], &[]),
                (&["main"], &["main~14~90"]),
                (&["main", "side"], &["main~14~100", "side~2"]),
                (&["main~14"], &["main~14~80"]),
                (&["main", "v49", "main~50^{tree}"], &["v21", "main~3"]),
            ] {
                let what = format!("{number} {format} {wants:?} {haves:?}");
                let mut list = vec!["rev-list", "--objects", "--no-object-names"];
                list.extend(wants);
                // Not with `--not`, which passes over much of what the client has.
                let mut expected = names(&lab, "a.git", &list);
                let mut had = vec!["rev-list", "--objects", "--no-object-names"];
                had.extend(if haves.is_empty() { &["--max-count=0", "main"][..] } else { haves });
                let had = names(&lab, "a.git", &had);
                expected.retain(|name| !had.contains(name));
                let found = fetched(&lab, "a.git", wants, haves, &[]);
                fetched(&lab, "a.git", wants, haves, &["thin-pack"]);
                let missing: Vec<_> =
                    expected.iter().filter(|name| !found.contains(name)).collect();
                assert!(missing.is_empty(), "{what}: {missing:?}");
                if haves.is_empty() || wants.len() < 3 {
                    assert_eq!(found.len(), expected.len(), "{what}");
                }
                if haves.is_empty() {
                    list.insert(2, "--filter=blob:none");
                    let expected = names(&lab, "a.git", &list);
                    lab.git("a.git", &["config", "uploadpack.allowFilter", "true"]);
                    let found = fetched(&lab, "a.git", wants, haves, &["filter blob:none"]);
                    assert_eq!(found, expected, "{what} blob:none");
                }
            }
        }
    }
}

/// The ways git writes commit-graphs.
const GRAPHS: [&[&str]; 4] = [
    &["commit-graph", "write", "--reachable"],
    &["-c", "commitGraph.generationVersion=1", "commit-graph", "write", "--reachable"],
    &["commit-graph", "write", "--reachable", "--split=no-merge"],
    &["commit-graph", "write", "--reachable", "--changed-paths", "--split=replace"],
];

#[test]
fn commits_of_a_graph_are_those_of_the_objects() {
    for format in ["sha1", "sha256"] {
        for command in GRAPHS {
            let lab = Lab::new();
            lab.history("a.git", 60, &[&format!("--object-format={format}")]);
            lab.git("a.git", command);
            let tree = lab.git("a.git", &["rev-parse", "main^{tree}"]);
            // An octopus, one with the same parent far back, a date before its parents'.
            let octopus = ["main~1", "main~2", "side", "main~20", "main"];
            let mut args = vec!["commit-tree", &tree, "-m", "octopus"];
            octopus.iter().for_each(|parent| args.extend(["-p", parent]));
            let octopus = lab.git("a.git", &args);
            lab.git("a.git", &["update-ref", "refs/heads/octopus", &octopus]);
            let early = lab.git_with(
                "a.git",
                &["commit-tree", &tree, "-m", "early", "-p", &octopus],
                b"",
                &[("GIT_COMMITTER_DATE", "@1000 +0000")],
            );
            let early = String::from_utf8_lossy(&early.stdout).trim().to_owned();
            lab.git("a.git", &["update-ref", "refs/heads/early", &early]);
            let late = lab.git_with(
                "a.git",
                &["commit-tree", &tree, "-m", "late", "-p", &early],
                b"",
                &[("GIT_COMMITTER_DATE", "@3900000000 +0000")],
            );
            let late = String::from_utf8_lossy(&late.stdout).trim().to_owned();
            let after = lab.git("a.git", &["commit-tree", &tree, "-m", "after", "-p", &late]);
            lab.git("a.git", &["update-ref", "refs/heads/after", &after]);
            lab.git("a.git", command);
            let loose = lab.git("a.git", &["commit-tree", &tree, "-m", "not in it", "-p", &after]);
            lab.git("a.git", &["update-ref", "refs/heads/loose", &loose]);

            let repository = lab.open("a.git");
            let odb = repository.odb();
            let list = lab.git("a.git", &["log", "--all", "--format=%H %T %ct %P"]);
            let mut in_graph = 0;
            for line in list.lines() {
                let words: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
                let oid = |hex: &str| Oid::from_hex(hex.as_bytes()).expect("an oid");
                let commit = block_on(odb.commit(&oid(words[0]))).expect("a commit");
                assert_eq!(commit.tree_id, oid(words[1]));
                assert_eq!(commit.date, words[2].parse::<u64>().expect("a date"));
                let parents: Vec<_> = words[3..].iter().map(|hex| oid(hex)).collect();
                assert_eq!(commit.parents, parents);
                let generation = block_on(odb.generation(&oid(words[0]))).expect("no error");
                in_graph += usize::from(generation.is_some());
                for parent in parents {
                    let below = block_on(odb.generation(&parent)).expect("no error");
                    assert!(
                        generation.zip(below).is_none_or(|(own, below)| below < own),
                        "{command:?} {generation:?} {below:?} {line}"
                    );
                }
            }
            assert_eq!(in_graph, list.lines().count() - 1, "{command:?}");
        }
    }
}
