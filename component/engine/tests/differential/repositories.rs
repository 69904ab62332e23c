//! The set of repositories.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::support::{self, Lab};

/// Every one has a branch `main`; most have a branch `side` and tags `v7`, `v14`, ...
pub fn linear(lab: &Lab) {
    let mut stream = String::new();
    for number in 1..=30 {
        let date = 1_700_000_000 + number * 100;
        let content = format!("line {}\n", number * 7).repeat(number % 9 + 1);
        _ = write!(
            stream,
            "commit refs/heads/main\ncommitter C <c@example.com> {date} +0000\ndata 1\nx\n\
             M 644 inline d{}/f\ndata {}\n{content}\nM 644 inline blob\ndata 5\nblob\n\n\
             M 644 inline sparse\ndata 11\n/d1/\n!/d2/\n\n",
            number % 4,
            content.len()
        );
        if number % 7 == 0 {
            _ = write!(stream, "reset refs/tags/v{number}\nfrom refs/heads/main\n\n");
        }
    }
    import(lab, stream, &[]);
    lab.git("a.git", &["branch", "side", "main~4"]);
    add_objects(lab);
}

pub fn merges(lab: &Lab) {
    lab.history("a.git", 60, &[]);
    add_objects(lab);
}

pub fn octopus(lab: &Lab) {
    let mut stream = String::new();
    let mut mark = 0;
    let mut commit = |branch: &str, parents: &[usize]| {
        mark += 1;
        let date = 1_700_000_000 + mark * 100;
        _ = write!(
            stream,
            "commit refs/heads/{branch}\nmark :{mark}\n\
             committer C <c@example.com> {date} +0000\ndata 1\nx\n"
        );
        for (number, parent) in parents.iter().enumerate() {
            let word = if number == 0 { "from" } else { "merge" };
            _ = writeln!(stream, "{word} :{parent}");
        }
        _ = write!(stream, "M 644 inline f{}\ndata 3\n{:03}\n\n", mark % 6, mark);
        mark
    };
    let mut main = commit("main", &[]);
    for _ in 0..5 {
        let sides = [0; 4].map(|_| commit("side", &[main]));
        let further = commit("side", &[sides[0]]);
        main = commit("main", &[main, further, sides[1], sides[2], sides[3]]);
        main = commit("main", &[main]);
    }
    import(lab, stream, &[]);
    lab.git("a.git", &["tag", "v7", "main~2"]);
    add_objects(lab);
}

pub fn many_tags(lab: &Lab) {
    lab.history("a.git", 40, &[]);
    let mut stream = String::new();
    for number in 0..300 {
        let from = format!("refs/heads/main~{}", number % 20);
        if number % 2 == 0 {
            _ = write!(
                stream,
                "tag t{number}\nfrom {from}\ntagger T <t@example.com> 1700000000 +0000\n\
                 data 1\nx\n"
            );
        } else {
            _ = write!(stream, "reset refs/tags/t{number}\nfrom {from}\n\n");
        }
    }
    stream.push_str("done\n");
    feed(lab, &stream);
    add_objects(lab);
}

pub fn chains_of_tags(lab: &Lab) {
    lab.history("a.git", 30, &[]);
    let mut name = "v7".to_owned();
    for number in 0..5 {
        let next = format!("link{number}");
        lab.git("a.git", &["tag", "-a", "-m", "x", &next, &name]);
        name = next;
    }
    lab.git("a.git", &["tag", "-a", "-m", "x", "chain", &name]);
    lab.git("a.git", &["tag", "-d", "link2"]);
    lab.git("a.git", &["tag", "-a", "-m", "x", "tree-tag", "main^{tree}"]);
    lab.git("a.git", &["tag", "-a", "-m", "x", "blob-tag", &a_blob(lab)]);
    add_objects(lab);
}

pub fn two_thousand_refs(lab: &Lab) {
    lab.history("a.git", 30, &[]);
    let mut updates = String::new();
    let commits = lab.git("a.git", &["rev-list", "main"]);
    let commits: Vec<&str> = commits.lines().collect();
    for number in 0..2000 {
        let commit = commits[number % commits.len()];
        _ = writeln!(updates, "create refs/heads/b{}/{number} {commit}", number % 13);
    }
    let update = ["update-ref", "--stdin"];
    let output = lab.git_with("a.git", &update, updates.as_bytes(), &[]);
    assert!(output.status.success(), "{output:?}");
    lab.git("a.git", &["pack-refs", "--all"]);
    lab.git("a.git", &["update-ref", "refs/heads/b1/1", commits[0]]);
    lab.git("a.git", &["update-ref", "-d", "refs/heads/b1/14"]);
    add_objects(lab);
}

/// Its refs were packed by nobody who would have checked them.
pub fn fifty_thousand_refs(lab: &Lab) {
    lab.history("a.git", 30, &[]);
    let commits = lab.git("a.git", &["rev-list", "main"]);
    let commits: Vec<&str> = commits.lines().collect();
    let refs =
        lab.git("a.git", &["for-each-ref", "--format=%(objectname) %(refname) %(*objectname)"]);
    let mut lines: Vec<(String, String)> = Vec::new();
    for line in refs.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let peeled = match words[2] {
            "" => String::new(),
            oid => format!("^{oid}\n"),
        };
        lines.push((words[1].to_owned(), format!("{} {}\n{peeled}", words[0], words[1])));
    }
    for number in 0..50_000 {
        let name = format!("refs/heads/b{}/{number}", number % 13);
        let line = format!("{} {name}\n", commits[number % commits.len()]);
        lines.push((name, line));
    }
    lines.sort();
    let mut packed = "# pack-refs with: peeled fully-peeled sorted \n".to_owned();
    packed.extend(lines.iter().map(|(_, line)| line.as_str()));
    support::write(&lab.path("a.git/packed-refs"), packed.as_bytes());
    for (name, _) in lines {
        _ = std::fs::remove_file(lab.path("a.git").join(name));
    }
    add_objects(lab);
}

pub fn packed_and_loose(lab: &Lab) {
    lab.history("a.git", 40, &[]);
    lab.git("a.git", &["repack", "-adfq"]);
    lab.git("a.git", &["pack-refs", "--all"]);
    more_commits(lab, 6);
    add_objects(lab);
}

pub fn several_packs(lab: &Lab) {
    lab.history("a.git", 30, &[]);
    for _ in 0..4 {
        more_commits(lab, 3);
        lab.git("a.git", &["repack", "-dq", "--no-write-bitmap-index"]);
    }
    more_commits(lab, 1);
    add_objects(lab);
}

pub fn multi_pack_index(lab: &Lab) {
    several_packs(lab);
    lab.git("a.git", &["multi-pack-index", "write"]);
    more_commits(lab, 2);
}

pub fn incremental_multi_pack_index(lab: &Lab) {
    several_packs(lab);
    lab.git("a.git", &["multi-pack-index", "write", "--incremental"]);
    more_commits(lab, 2);
    lab.git("a.git", &["repack", "-dq"]);
    lab.git("a.git", &["multi-pack-index", "write", "--incremental"]);
    let chain = lab.path("a.git/objects/pack/multi-pack-index.d/multi-pack-index-chain");
    assert_eq!(std::fs::read_to_string(chain).expect("a chain").lines().count(), 2);
}

pub fn multi_pack_bitmap(lab: &Lab) {
    several_packs(lab);
    lab.git("a.git", &["repack", "-dq"]);
    lab.git("a.git", &["multi-pack-index", "write", "--bitmap"]);
    more_commits(lab, 2);
}

pub fn pack_bitmap(lab: &Lab) {
    lab.history("a.git", 80, &[]);
    add_objects(lab);
    lab.git("a.git", &["repack", "-adfq", "--write-bitmap-index"]);
    more_commits(lab, 2);
}

pub fn commit_graph(lab: &Lab) {
    lab.history("a.git", 60, &[]);
    add_objects(lab);
    lab.git("a.git", &["repack", "-adfq", "--no-write-bitmap-index"]);
    lab.git("a.git", &["commit-graph", "write", "--reachable", "--changed-paths"]);
    more_commits(lab, 2);
}

pub fn commit_graph_chain(lab: &Lab) {
    lab.history("a.git", 60, &[]);
    add_objects(lab);
    for _ in 0..3 {
        more_commits(lab, 3);
        let write = ["commit-graph", "write", "--reachable", "--split=no-merge"];
        lab.git("a.git", &write);
    }
    more_commits(lab, 1);
}

pub fn alternates(lab: &Lab) {
    lab.history("pool.git", 40, &[]);
    lab.git("", &["clone", "-q", "--bare", "--shared", "pool.git", "a.git"]);
    more_commits(lab, 4);
    add_objects(lab);
}

pub fn shallow(lab: &Lab) {
    lab.history("pool.git", 60, &[]);
    let url = format!("file://{}", lab.path("pool.git").display());
    lab.git("", &["clone", "-q", "--bare", "--depth=12", "--no-single-branch", &url, "a.git"]);
    more_commits(lab, 2);
    add_objects(lab);
}

pub fn sha256(lab: &Lab) {
    lab.history("a.git", 40, &["--object-format=sha256"]);
    lab.git("a.git", &["repack", "-adfq"]);
    more_commits(lab, 2);
    add_objects(lab);
}

pub fn reftable(lab: &Lab) {
    lab.history("a.git", 60, &["--ref-format=reftable"]);
    lab.git("a.git", &["tag", "-a", "-m", "x", "chain", "v7"]);
    lab.git("a.git", &["symbolic-ref", "refs/heads/alias", "refs/heads/main"]);
    lab.git("a.git", &["symbolic-ref", "refs/heads/broken", "refs/heads/nowhere"]);
    lab.git("a.git", &["update-ref", "-d", "refs/tags/v14"]);
    // Not `v2`: in reftables git 2.47 hides `v21` with it.
    lab.git("a.git", &["config", "transfer.hideRefs", "refs/tags/v21"]);
    more_commits(lab, 2);
    add_objects(lab);
}

pub fn empty_reftable(lab: &Lab) {
    let format = "--ref-format=reftable";
    lab.git("", &["init", "-q", "--bare", "-b", "main", format, "a.git"]);
}

pub fn empty(lab: &Lab) {
    lab.git("", &["init", "-q", "--bare", "-b", "main", "a.git"]);
}

pub fn empty_silent(lab: &Lab) {
    empty(lab);
    lab.git("a.git", &["config", "lsrefs.unborn", "ignore"]);
}

pub fn unborn_head(lab: &Lab) {
    merges(lab);
    lab.git("a.git", &["symbolic-ref", "HEAD", "refs/heads/nowhere"]);
    lab.git("a.git", &["config", "lsrefs.unborn", "allow"]);
}

pub fn detached_head(lab: &Lab) {
    merges(lab);
    let commit = lab.git("a.git", &["rev-parse", "main~2"]);
    support::write(&lab.path("a.git/HEAD"), format!("{commit}\n").as_bytes());
    lab.git("a.git", &["symbolic-ref", "refs/heads/alias", "refs/heads/main"]);
    lab.git("a.git", &["symbolic-ref", "refs/heads/broken", "refs/heads/nowhere"]);
}

pub fn hidden(lab: &Lab) {
    merges(lab);
    let root = lab.git("a.git", &["commit-tree", "main^{tree}", "-m", "another root"]);
    let tip = lab.git("a.git", &["commit-tree", "main^{tree}", "-p", &root, "-m", "tip"]);
    lab.git("a.git", &["update-ref", "refs/secret/hidden", &tip]);
    note(lab, "hidden", &tip);
    note(lab, "hidden~1", &root);
    for (key, value) in [
        ("transfer.hideRefs", "refs/secret/"),
        ("uploadpack.hideRefs", "refs/tags"),
        ("transfer.hideRefs", "!refs/tags/v14"),
        ("transfer.hideRefs", "^refs/heads/side"),
        ("receive.hideRefs", "refs/heads/main"),
    ] {
        lab.git("a.git", &["config", "--add", key, value]);
    }
}

pub fn hidden_but_tips_allowed(lab: &Lab) {
    hidden(lab);
    lab.git("a.git", &["config", "uploadpack.allowTipSHA1InWant", "true"]);
    lab.git("a.git", &["config", "uploadpack.allowRefInWant", "true"]);
}

pub fn hidden_but_reachable_allowed(lab: &Lab) {
    hidden(lab);
    lab.git("a.git", &["config", "uploadpack.allowReachableSHA1InWant", "true"]);
}

/// HEAD points to what is hidden.
pub fn hidden_head(lab: &Lab) {
    merges(lab);
    lab.git("a.git", &["config", "uploadpack.hideRefs", "refs/heads/main"]);
}

/// HEAD itself is hidden.
pub fn without_head(lab: &Lab) {
    merges(lab);
    lab.git("a.git", &["config", "uploadpack.hideRefs", "HEAD"]);
    lab.git("a.git", &["config", "--add", "uploadpack.hideRefs", "refs/heads"]);
    lab.git("a.git", &["config", "--add", "uploadpack.hideRefs", "!refs/heads/side"]);
}

/// A part of the configuration is in a file of its own.
pub fn worktree_config(lab: &Lab) {
    linear(lab);
    lab.git("a.git", &["config", "core.repositoryFormatVersion", "1"]);
    lab.git("a.git", &["config", "uploadpack.allowFilter", "true"]);
    lab.git("a.git", &["config", "extensions.worktreeConfig", "true"]);
    let text = b"[uploadpack]\nallowFilter = false\nallowRefInWant\n";
    support::write(&lab.path("a.git/config.worktree"), text);
}

/// A filter that is forbidden, and then a limit that allows it.
pub fn filters_contradictory(lab: &Lab) {
    linear(lab);
    lab.git("a.git", &["config", "uploadpack.allowFilter", "true"]);
    lab.git("a.git", &["config", "uploadpackfilter.tree.maxDepth", "2"]);
    lab.git("a.git", &["config", "uploadpackfilter.tree.allow", "false"]);
    lab.git("a.git", &["config", "uploadpackfilter.Blob:none.allow", "false"]);
}

pub fn broken(lab: &Lab) {
    merges(lab);
    let write = |name: &str, text: &str| {
        support::write(&lab.path("a.git").join(name), text.as_bytes());
    };
    write("refs/heads/missing", &format!("{}\n", "1".repeat(40)));
    write("refs/heads/garbage", "what is this\n");
    write("refs/heads/empty", "");
    let tag = format!("object {}\ntype commit\ntag x\ntagger T <t> 1 +0000\n\nx\n", "2".repeat(40));
    let hash = ["hash-object", "-t", "tag", "-w", "--stdin", "--literally"];
    let tag = lab.git_with("a.git", &hash, tag.as_bytes(), &[]);
    write("refs/tags/nothing", &String::from_utf8_lossy(&tag.stdout));
}

/// As above, and packed by somebody who did not note what the tags point to.
pub fn broken_and_packed(lab: &Lab) {
    broken(lab);
    for name in ["garbage", "empty"] {
        std::fs::remove_file(lab.path("a.git/refs/heads").join(name)).expect("removed");
    }
    let refs = lab.git("a.git", &["for-each-ref", "--format=%(objectname) %(refname)"]);
    support::write(&lab.path("a.git/packed-refs"), format!("{refs}\n").as_bytes());
    for directory in ["heads", "tags"] {
        std::fs::remove_dir_all(lab.path("a.git/refs").join(directory)).expect("removed");
    }
}

/// Everything that can be offered.
pub fn liberal(lab: &Lab) {
    linear(lab);
    // Of an object that is not here, so that nothing is left out of a pack.
    let uri = format!("{} {} https://example.com/x", "3".repeat(40), "4".repeat(40));
    for (key, value) in [
        ("uploadpack.allowFilter", "true"),
        ("uploadpack.allowRefInWant", "yes"),
        ("uploadpack.allowAnySHA1InWant", "on"),
        ("uploadpack.allowSidebandAll", "1"),
        ("uploadpack.advertiseBundleURIs", "true"),
        ("uploadpack.blobPackfileUri", &uri),
        ("transfer.advertiseSID", "true"),
        ("transfer.advertiseObjectInfo", "true"),
        ("bundle.version", "1"),
        ("bundle.mode", "all"),
        ("bundle.Some Name.uri", "https://example.com/a.bundle"),
        ("bundle.Some Name.creationToken", "7"),
        ("bundle.empty.uri", ""),
    ] {
        lab.git("a.git", &["config", "--add", key, value]);
    }
}

/// Some objects lie elsewhere, all of them loose: those git leaves out.
pub fn packfile_uris(lab: &Lab) {
    linear(lab);
    lie_elsewhere(lab);
}

pub fn packfile_uris_sha256(lab: &Lab) {
    lab.history("a.git", 30, &["--object-format=sha256"]);
    add_objects(lab);
    lie_elsewhere(lab);
}

fn lie_elsewhere(lab: &Lab) {
    let packs = std::fs::read_dir(lab.path("a.git/objects/pack")).expect("a directory");
    for path in packs.map(|entry| entry.expect("an entry").path()) {
        let bytes = std::fs::read(&path).expect("a file");
        std::fs::remove_file(&path).expect("removed");
        if path.extension().is_some_and(|end| end == "pack") {
            assert!(lab.git_with("a.git", &["unpack-objects", "-q"], &bytes, &[]).status.success());
        }
    }
    let hex_len = lab.git("a.git", &["rev-parse", "main"]).len();
    let list = lab.git("a.git", &["ls-tree", "-r", "main"]);
    let blobs = list.lines().filter_map(|line| line.split_whitespace().nth(2));
    let mut seen = std::collections::HashSet::new();
    let mut objects: Vec<String> =
        blobs.filter(|oid| seen.insert(*oid)).take(3).map(str::to_owned).collect();
    objects.push("3".repeat(hex_len));
    objects.push(lab.git("a.git", &["rev-parse", "main^{tree}"]));
    objects.push(lab.git("a.git", &["rev-parse", "main~1"]));
    let uris = ["https://e.com/x", "http://e.com/a b ", "https://e.com/x", "https://e.com/unknown"];
    let uris = uris.iter().chain(&["tree://e.com/", "commit://e.com/"]);
    for (number, (oid, uri)) in objects.iter().zip(uris).enumerate() {
        let oid = if number == 1 { oid.to_uppercase() } else { oid.clone() };
        let value = format!("{oid} {} {uri}", number.to_string().repeat(hex_len));
        lab.git("a.git", &["config", "--add", "uploadpack.blobPackfileUri", &value]);
    }
    for name in ["allowFilter", "allowSidebandAll", "allowAnySHA1InWant", "allowRefInWant"] {
        lab.git("a.git", &["config", &format!("uploadpack.{name}"), "true"]);
    }
}

/// Filters, in a history with merges.
pub fn filters(lab: &Lab) {
    merges(lab);
    lab.git("a.git", &["config", "uploadpack.allowFilter", "true"]);
    lab.git("a.git", &["config", "uploadpack.allowRefInWant", "true"]);
    lab.git("a.git", &["config", "uploadpack.allowSidebandAll", "true"]);
}

pub fn filters_restricted(lab: &Lab) {
    linear(lab);
    for (key, value) in [
        ("uploadpack.allowFilter", "true"),
        ("uploadpackfilter.allow", "false"),
        ("uploadpackfilter.blob:none.allow", "true"),
        ("uploadpackfilter.tree.maxDepth", "2"),
        ("uploadpackfilter.combine.allow", "true"),
        ("uploadpackfilter.object:type.allow", "no"),
    ] {
        lab.git("a.git", &["config", "--add", key, value]);
    }
}

/// Commits that claim to be older than their parents.
pub fn skewed_clocks(lab: &Lab) {
    let mut stream = String::new();
    for number in 1..=40_u64 {
        let date = 1_700_000_000 + (number * 7_919) % 4_001;
        let branch = if number % 5 == 0 { "side" } else { "main" };
        _ = write!(
            stream,
            "commit refs/heads/{branch}\nmark :{number}\n\
             committer C <c@example.com> {date} +0000\ndata 1\nx\n"
        );
        if number > 1 {
            _ = writeln!(stream, "from :{}", number - 1);
        }
        if number > 6 && number % 6 == 0 {
            _ = writeln!(stream, "merge :{}", number - 5);
        }
        _ = write!(stream, "M 644 inline f{}\ndata 2\n{number:02}\n\n", number % 11);
        if number % 7 == 0 {
            _ = write!(stream, "reset refs/tags/v{number}\nfrom :{number}\n\n");
        }
    }
    import(lab, stream, &[]);
    add_objects(lab);
}

fn import(lab: &Lab, mut stream: String, init: &[&str]) {
    lab.git("", &[&["init", "-q", "--bare", "-b", "main", "a.git"], init].concat());
    stream.push_str("done\n");
    feed(lab, &stream);
}

pub fn feed(lab: &Lab, stream: &str) {
    let arguments = ["fast-import", "--quiet", "--done", "--force"];
    let output = lab.git_with("a.git", &arguments, stream.as_bytes(), &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

static CLOCK: AtomicU64 = AtomicU64::new(0);

/// Loose commits on top of main.
fn more_commits(lab: &Lab, count: usize) {
    for number in 0..count {
        let back = format!("main~{}^{{tree}}", 2 + number);
        let message = format!("more {number}");
        let arguments = ["commit-tree", &back, "-p", "main", "-m", &message];
        // Later than what fast-import made.
        let date = format!("{} +0000", 1_700_100_000 + CLOCK.fetch_add(60, Ordering::Relaxed));
        let output = lab.git_with("a.git", &arguments, b"", &[("GIT_COMMITTER_DATE", &date)]);
        let commit = String::from_utf8(output.stdout).expect("an oid");
        lab.git("a.git", &["update-ref", "refs/heads/main", commit.trim()]);
    }
}

fn a_blob(lab: &Lab) -> String {
    let list = lab.git("a.git", &["ls-tree", "-r", "main"]);
    list.split_whitespace().nth(2).expect("a blob").to_owned()
}

/// Objects that requests name and no ref does: a blob, and a commit that nothing reaches.
fn add_objects(lab: &Lab) {
    note(lab, "blob", &a_blob(lab));
    let dangling = ["commit-tree", "main^{tree}", "-p", "main", "-m", "dangling"];
    note(lab, "dangling", &lab.git("a.git", &dangling));
}

fn note(lab: &Lab, name: &str, oid: &str) {
    let path = lab.path("a.git/test-objects");
    let mut text = std::fs::read_to_string(&path).unwrap_or_default();
    _ = writeln!(text, "{name} {oid}");
    support::write(&path, text.as_bytes());
}
