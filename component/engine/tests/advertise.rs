//! Advertisements and `ls-refs`: the bytes of `git upload-pack`, but for the agent.

mod support;

use gitwasi_engine::storage::native::block_on;
use gitwasi_engine::upload_pack;
use gitwasi_wire::ProtocolVersion;
use support::Lab;

/// Pkt-lines with the value of the agent replaced, as text.
fn lines(mut bytes: &[u8]) -> Vec<String> {
    let mut lines = Vec::new();
    while let Some((length, _)) = bytes.split_at_checked(4) {
        let length = usize::from_str_radix(&String::from_utf8_lossy(length), 16).expect("a length");
        let length = length.max(4);
        let mut text = String::from_utf8_lossy(&bytes[4..length]).into_owned();
        if let Some(at) = text.find("agent=") {
            let end = text[at..].find([' ', '\n']).map_or(text.len(), |end| at + end);
            text.replace_range(at + 6..end, "X");
        }
        lines.push(text);
        bytes = &bytes[length..];
    }
    assert!(bytes.is_empty());
    lines
}

/// Compares line by line, to show no more than the first one that differs.
fn assert_same(ours: &[u8], git: &[u8], what: &str) {
    let (ours, git) = (lines(ours), lines(git));
    for (ours, git) in ours.iter().zip(&git) {
        assert_eq!(ours, git, "{what}");
    }
    assert_eq!(ours.len(), git.len(), "{what}");
}

const VERSIONS: [(ProtocolVersion, &str); 3] = [
    (ProtocolVersion::V0, "version=0"),
    (ProtocolVersion::V1, "version=1"),
    (ProtocolVersion::V2, "version=2"),
];

fn same(lab: &Lab, name: &str) {
    let repository = lab.open(name);
    for (version, protocol) in VERSIONS {
        let git = lab.git_with(
            name,
            &["upload-pack", "--stateless-rpc", "--advertise-refs", "."],
            b"",
            &[("GIT_PROTOCOL", protocol)],
        );
        let mut ours = Vec::new();
        block_on(upload_pack::advertise(&repository, version, &mut ours)).expect("no error");
        assert_same(&ours, &git.stdout, &format!("{name} {protocol}"));
    }
    let format = repository.object_format().name();
    for arguments in [
        &[][..],
        &["peel", "symrefs"],
        &["peel", "symrefs", "unborn"],
        &["symrefs", "ref-prefix HEAD", "ref-prefix refs/heads/"],
        &["peel", "ref-prefix refs/tags/v1", "ref-prefix refs/tags/", "ref-prefix refs/heads/m"],
        &["ref-prefix refs/none"],
    ] {
        let mut request = Vec::new();
        for line in ["command=ls-refs\n", "agent=test", &format!("object-format={format}")] {
            request.extend(format!("{:04x}{line}", line.len() + 4).bytes());
        }
        request.extend(b"0001");
        for line in arguments {
            request.extend(format!("{:04x}{line}\n", line.len() + 5).bytes());
        }
        request.extend(b"0000");
        let git = lab.git_with(
            name,
            &["upload-pack", "--stateless-rpc", "."],
            &request,
            &[("GIT_PROTOCOL", "version=2")],
        );
        let mut ours = Vec::new();
        block_on(upload_pack::serve(&repository, ProtocolVersion::V2, &request, &mut ours))
            .expect("no error");
        assert_same(&ours, &git.stdout, &format!("{name} {arguments:?}"));
    }
}

#[test]
fn empty_and_unborn() {
    let lab = Lab::new();
    lab.git("", &["init", "-q", "--bare", "-b", "main", "a.git"]);
    same(&lab, "a.git");
    lab.git("a.git", &["config", "lsrefs.unborn", "allow"]);
    same(&lab, "a.git");
    lab.git("a.git", &["config", "lsrefs.unborn", "ignore"]);
    same(&lab, "a.git");
}

#[test]
fn loose_and_packed_refs_with_tags_of_tags() {
    let lab = Lab::new();
    for format in ["sha1", "sha256"] {
        let name = &format!("{format}.git");
        lab.history(name, 60, &[&format!("--object-format={format}")]);
        same(&lab, name);
        lab.git(name, &["pack-refs", "--all"]);
        same(&lab, name);
        lab.git(name, &["tag", "-a", "-m", "x", "chain", "v7"]);
        lab.git(name, &["tag", "light", "v7^{}"]);
        lab.git(name, &["tag", "tree", "main^{tree}"]);
        lab.git(name, &["update-ref", "refs/heads/main", "main~3"]);
        lab.git(name, &["update-ref", "-d", "refs/tags/v14"]);
        lab.git(name, &["update-ref", "refs/heads/a/b/c", "main~1"]);
        lab.git(name, &["update-ref", "refs/heads/a-b", "main~1"]);
        lab.git(name, &["update-ref", "refs/heads/a.b", "main~1"]);
        lab.git(name, &["symbolic-ref", "refs/heads/alias", "refs/heads/main"]);
        lab.git(name, &["symbolic-ref", "refs/heads/broken", "refs/heads/nowhere"]);
        same(&lab, name);
    }
}

#[test]
fn detached_head_and_broken_refs() {
    let lab = Lab::new();
    lab.history("a.git", 20, &[]);
    let commit = lab.git("a.git", &["rev-parse", "main~2"]);
    support::write(&lab.path("a.git/HEAD"), format!("{commit}\n").as_bytes());
    support::write(
        &lab.path("a.git/refs/heads/missing"),
        format!("{}\n", "1".repeat(40)).as_bytes(),
    );
    support::write(&lab.path("a.git/refs/heads/garbage"), b"what is this\n");
    support::write(&lab.path("a.git/refs/heads/empty"), b"");
    support::write(&lab.path("a.git/refs/heads/x.lock"), format!("{commit}\n").as_bytes());
    support::write(&lab.path("a.git/refs/heads/bad..name"), format!("{commit}\n").as_bytes());
    same(&lab, "a.git");
}

#[test]
fn what_the_configuration_asks_for() {
    let lab = Lab::new();
    lab.history("a.git", 30, &[]);
    lab.git("a.git", &["pack-refs", "--all"]);
    for (key, value) in [
        ("uploadpack.allowFilter", "true"),
        ("uploadpack.allowRefInWant", "true"),
        ("uploadpack.allowTipSHA1InWant", "true"),
        ("uploadpack.allowReachableSHA1InWant", "true"),
        ("uploadpack.allowAnySHA1InWant", "true"),
        ("transfer.hideRefs", "refs/tags"),
        ("uploadpack.hideRefs", "!refs/tags/v7"),
        ("transfer.hideRefs", "refs/heads/side"),
        ("uploadpack.hideRefs", "HEAD"),
    ] {
        lab.git("a.git", &["config", "--add", key, value]);
        same(&lab, "a.git");
    }
}

#[test]
fn many_refs_in_packed_refs() {
    let lab = Lab::new();
    lab.history("a.git", 10, &[]);
    let commit = lab.git("a.git", &["rev-parse", "main"]);
    let tag = lab.git("a.git", &["rev-parse", "v7"]);
    let mut input = String::new();
    for number in 0..6000 {
        let oid = if number % 3 == 0 { &tag } else { &commit };
        input.push_str(&format!("create refs/tags/t{}/x{number} {oid}\n", number % 50));
    }
    lab.git_with("a.git", &["update-ref", "--stdin"], input.as_bytes(), &[]);
    lab.git("a.git", &["pack-refs", "--all"]);
    lab.git("a.git", &["update-ref", "refs/tags/t7/x7", &tag]);
    lab.git("a.git", &["update-ref", "refs/tags/t7/aa", &tag]);
    same(&lab, "a.git");
}

#[test]
fn a_shallow_repository_says_so() {
    let lab = Lab::new();
    lab.history("base.git", 30, &[]);
    let url = format!("file://{}", lab.path("base.git").display());
    lab.git("", &["clone", "-q", "--bare", "--depth", "3", &url, "a.git"]);
    same(&lab, "a.git");
}

/// What earlier versions of git, and others, wrote: no header, none of the traits, any order.
#[test]
fn packed_refs_of_every_age() {
    let lab = Lab::new();
    lab.history("a.git", 30, &[]);
    let commit = lab.git("a.git", &["rev-parse", "main"]);
    let tag = lab.git("a.git", &["rev-parse", "v7"]);
    let mut input = String::new();
    for number in 0..3000 {
        let oid = if number % 3 == 0 { &tag } else { &commit };
        input.push_str(&format!(
            "create refs/{}/x{number} {oid}\n",
            ["tags", "heads", "pull"][number % 3]
        ));
    }
    lab.git_with("a.git", &["update-ref", "--stdin"], input.as_bytes(), &[]);
    lab.git("a.git", &["pack-refs", "--all"]);
    let path = lab.path("a.git/packed-refs");
    let text = std::fs::read_to_string(&path).expect("packed-refs");
    let (_, lines) = text.split_once('\n').expect("a header");
    let mut refs: Vec<String> = Vec::new();
    for line in lines.lines() {
        match refs.last_mut() {
            Some(last) if line.starts_with('^') => last.push_str(&format!("{line}\n")),
            _ => refs.push(format!("{line}\n")),
        }
    }
    let unpeeled: String = lines
        .lines()
        .filter(|line| !line.starts_with('^'))
        .map(|line| format!("{line}\n"))
        .collect();
    let mut shuffled = refs.clone();
    shuffled.reverse();
    shuffled.swap(3, 700);
    let upper = lines
        .to_uppercase()
        .replace("REFS/TAGS/X", "refs/tags/x")
        .replace("REFS/TAGS/V", "refs/tags/v");
    let upper = upper
        .replace("REFS/HEADS/MAIN", "refs/heads/main")
        .replace("REFS/HEADS/SIDE", "refs/heads/side");
    let upper = upper.replace("REFS/HEADS/X", "refs/heads/x").replace("REFS/PULL/X", "refs/pull/x");
    for (what, content) in [
        ("no header", unpeeled.clone()),
        ("no header, any order", shuffled.concat()),
        ("peeled", format!("# pack-refs with: peeled \n{}", shuffled.concat())),
        ("sorted", format!("# pack-refs with: sorted \n{unpeeled}")),
        ("sorted and peeled", format!("# pack-refs with: peeled sorted \n{lines}")),
        ("upper case", format!("# pack-refs with: peeled fully-peeled sorted \n{upper}")),
        ("empty", String::new()),
    ] {
        eprintln!("{what}");
        support::write(&path, content.as_bytes());
        same(&lab, "a.git");
    }
    support::write(&path, text.as_bytes());
    // No pattern that is the beginning of a longer name: this git leaves that out as well.
    for hidden in ["refs/pull", "refs/heads/side", "!refs/pull/x2", "refs/tags", "!refs/heads"] {
        lab.git("a.git", &["config", "--add", "transfer.hideRefs", hidden]);
        same(&lab, "a.git");
    }
}

#[test]
fn packed_refs_that_git_refuses_are_refused() {
    let lab = Lab::new();
    lab.history("a.git", 5, &[]);
    lab.git("a.git", &["pack-refs", "--all"]);
    let path = lab.path("a.git/packed-refs");
    let text = std::fs::read_to_string(&path).expect("packed-refs");
    let line = text.lines().last().expect("a ref");
    for bad in [
        format!("{text}{line}"),
        format!("{text}x{line}\n"),
        format!("{text}# what\n"),
        format!("{text}{}\n", &line[..39]),
        format!("{text}{}\n", "a".repeat(9000)),
        format!("{text}{}\n", line.replace(' ', "x")),
    ] {
        support::write(&path, bad.as_bytes());
        let git = lab.git_with("a.git", &["for-each-ref"], b"", &[]);
        assert!(!git.status.success(), "git takes {bad}");
        let repository = lab.open("a.git");
        let mut out = Vec::new();
        let outcome = block_on(upload_pack::advertise(&repository, ProtocolVersion::V0, &mut out));
        assert!(outcome.is_err(), "{bad}");
    }
}

#[test]
fn reftables_of_every_shape() {
    let lab = Lab::new();
    for (format, block_size, refs) in [
        ("sha1", "", 40),
        ("sha256", "", 300),
        ("sha1", "512", 4000),
        ("sha1", "", 6000),
        ("sha1", "16000000", 900),
    ] {
        let name = &format!("{format}-{block_size}-{refs}.git");
        lab.history(name, 30, &[&format!("--object-format={format}"), "--ref-format=reftable"]);
        same(&lab, name);
        if !block_size.is_empty() {
            lab.git(name, &["config", "reftable.blockSize", block_size]);
        }
        let commit = lab.git(name, &["rev-parse", "main"]);
        let tag = lab.git(name, &["rev-parse", "v7"]);
        let mut input = String::new();
        for number in 0..refs {
            let oid = if number % 3 == 0 { &tag } else { &commit };
            let folder = ["tags", "heads", "pull/deep/er"][number % 3];
            input.push_str(&format!("create refs/{folder}/x{number} {oid}\n"));
        }
        lab.git_with(name, &["update-ref", "--stdin"], input.as_bytes(), &[]);
        same(&lab, name);
        // Stacked: changed, deleted, made again, symbolic.
        lab.git(name, &["config", "reftable.geometricFactor", "0"]);
        let env = [("GIT_TEST_REFTABLE_AUTOCOMPACTION", "false")];
        for args in [
            &["update-ref", "refs/heads/x1", "main~1"][..],
            &["update-ref", "-d", "refs/tags/x3"],
            &["update-ref", "-d", "refs/heads/x4"],
            &["update-ref", "refs/heads/x4", "main~2"],
            &["symbolic-ref", "refs/heads/alias", "refs/heads/x4"],
            &["symbolic-ref", "refs/heads/broken", "refs/heads/nowhere"],
            &["update-ref", "-d", "refs/pull/deep/er/x2"],
        ] {
            let output = lab.git_with(name, args, b"", &env);
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        let tables = std::fs::read_to_string(lab.path(name).join("reftable/tables.list"));
        assert!(tables.expect("a list").lines().count() > 2);
        same(&lab, name);
        lab.git(name, &["config", "transfer.hideRefs", "refs/pull"]);
        same(&lab, name);
        lab.git(name, &["pack-refs", "--all"]);
        same(&lab, name);
        lab.git(name, &["update-ref", "--no-deref", "HEAD", &commit]);
        same(&lab, name);
    }
}

/// Git leaves up to three blocks side by side at the top of an index.
#[test]
fn a_ref_is_found_in_a_reftable_wherever_it_is() {
    let lab = Lab::new();
    lab.history("a.git", 3, &["--ref-format=reftable"]);
    let commit = lab.git("a.git", &["rev-parse", "main"]);
    // Names that have little in common, so that few fit into a block.
    let name = |number: u64| format!("refs/x/{:040x}", u128::from(number * 7919) << 90);
    let names: Vec<String> = (0..20_000).map(name).collect();
    let input: String = names.iter().map(|name| format!("create {name} {commit}\n")).collect();
    lab.git_with("a.git", &["update-ref", "--stdin"], input.as_bytes(), &[]);
    lab.git("a.git", &["pack-refs", "--all"]);
    let repository = lab.open("a.git");
    for name in names.iter().step_by(97) {
        let found = block_on(repository.resolve_ref(name.as_str().into())).expect("no error");
        assert!(found.is_some(), "{name}");
    }
    let found = block_on(repository.resolve_ref("refs/y".into())).expect("no error");
    assert_eq!(found, None);
}
