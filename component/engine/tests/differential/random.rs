//! Repositories and requests made by chance, from seeds that a failure tells.

use std::fmt::Write as _;
use std::hash::{BuildHasher as _, RandomState};

use crate::repositories::feed;
use crate::requests::Request;
use crate::support::Lab;

/// A small generator of numbers; the same seed gives the same numbers everywhere.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn pick<'l, T: ?Sized>(&mut self, list: &[&'l T]) -> &'l T {
        list[self.below(list.len())]
    }
}

/// The seeds of a test: those of `fixed`, and one that is new with `GITWASI_FUZZ_SECONDS`.
/// `GITWASI_SEEDS` says how many, `GITWASI_SEED` or `GITWASI_FUZZ_SEED` names the only one.
pub fn seeds(fixed: std::ops::Range<u64>) -> Vec<u64> {
    let number = |name| std::env::var(name).ok().map(|text| text.parse().expect("a number"));
    if let Some(seed) = number("GITWASI_SEED").or(number("GITWASI_FUZZ_SEED")) {
        return vec![seed];
    }
    let mut seeds: Vec<u64> = number("GITWASI_SEEDS").map_or(fixed, |count| 0..count).collect();
    if std::env::var_os("GITWASI_FUZZ_SECONDS").is_some() {
        seeds.push(RandomState::new().hash_one(seeds.len()));
    }
    seeds
}

/// Makes `a.git`; returns how its commits are called, and whether their dates can be trusted.
pub fn repository(lab: &Lab, random: &mut Random) -> (Vec<String>, bool) {
    let commits = 5 + random.below(40);
    let sha256 = random.one_in(4);
    let clocks_lie = random.one_in(5);
    let mut stream = String::new();
    for number in 1..=commits {
        let date = 1_700_000_000 + if clocks_lie { random.below(4000) } else { number * 100 };
        _ = write!(
            stream,
            "commit refs/heads/b{}\nmark :{number}\n\
             committer C <c@example.com> {date} +0000\ndata 1\nx\n",
            random.below(4)
        );
        let mut parents = Vec::new();
        // Now and then another root.
        if number > 1 && !random.one_in(15) {
            for _ in 0..1 + random.below(4) / 2 + usize::from(random.one_in(8)) {
                let parent = number - 1 - random.below(number.min(9) - 1).min(number - 2);
                if !parents.contains(&parent) {
                    parents.push(parent);
                }
            }
        }
        if parents.is_empty() {
            stream.push_str("deleteall\n");
        }
        for (place, parent) in parents.iter().enumerate() {
            let word = if place == 0 { "from" } else { "merge" };
            _ = writeln!(stream, "{word} :{parent}");
        }
        for _ in 0..1 + random.below(4) {
            let path = format!("d{}/e{}/f{}", random.below(3), random.below(3), random.below(4));
            if random.one_in(6) {
                _ = writeln!(stream, "D {path}");
            } else {
                let content = format!("{}\n", random.below(30)).repeat(1 + random.below(40));
                _ = write!(stream, "M 644 inline {path}\ndata {}\n{content}\n", content.len());
            }
        }
        stream.push('\n');
        if random.one_in(6) {
            _ = write!(
                stream,
                "tag t{number}\nfrom :{number}\ntagger T <t@example.com> {date} +0000\ndata 1\nx\n"
            );
        }
        if random.one_in(4) {
            _ = write!(stream, "reset refs/heads/kept{number}\nfrom :{number}\n\n");
        }
    }
    let last = commits;
    _ = write!(stream, "reset refs/heads/main\nfrom :{last}\n\ndone\n");
    let format = if sha256 { "--object-format=sha256" } else { "--object-format=sha1" };
    lab.git("", &["init", "-q", "--bare", "-b", "main", format, "a.git"]);
    feed(lab, &stream);
    for (key, value) in [
        ("uploadpack.allowFilter", "true"),
        (random.pick(&["x.y", "uploadpack.allowAnySHA1InWant"]), "true"),
        ("uploadpack.allowSidebandAll", "true"),
    ] {
        lab.git("a.git", &["config", key, value]);
    }
    match random.below(6) {
        0 => {}
        1 => _ = lab.git("a.git", &["repack", "-adfq", "--write-bitmap-index"]),
        2 => {
            lab.git("a.git", &["repack", "-adfq", "--no-write-bitmap-index"]);
            lab.git("a.git", &["commit-graph", "write", "--reachable"]);
        }
        3 => {
            lab.git("a.git", &["repack", "-dq", "--no-write-bitmap-index"]);
            if commits.is_multiple_of(2) {
                lab.git("a.git", &["multi-pack-index", "write", "--incremental"]);
                one_more(lab);
                lab.git("a.git", &["repack", "-dq", "--no-write-bitmap-index"]);
                lab.git("a.git", &["multi-pack-index", "write", "--incremental"]);
                one_more(lab);
            } else {
                one_more(lab);
                lab.git("a.git", &["multi-pack-index", "write"]);
            }
        }
        4 => one_more(lab),
        _ => _ = lab.git("a.git", &["pack-refs", "--all"]),
    }
    let list = lab.git("a.git", &["rev-list", "--all"]);
    (list.lines().map(str::to_owned).collect(), !clocks_lie)
}

/// A loose commit on top of main.
fn one_more(lab: &Lab) {
    let commit = lab.git("a.git", &["commit-tree", "main^{tree}", "-p", "main", "-m", "more"]);
    lab.git("a.git", &["update-ref", "refs/heads/main", &commit]);
}

/// A fetch of something, by somebody who has something.
pub fn request(random: &mut Random, commits: &[String], refs: &[String], sparse: &str) -> Request {
    let mut lines = Vec::new();
    for _ in 0..1 + random.below(3) {
        let list = if random.one_in(4) { commits } else { refs };
        lines.push(format!("want {}", list[random.below(list.len())]));
    }
    let mut shallow = Vec::new();
    if random.one_in(6) {
        shallow.push(commits[random.below(commits.len())].clone());
        lines.push(format!("shallow {}", shallow[0]));
        lines.push(format!("have {}", shallow[0]));
    }
    for _ in 0..random.below(4) {
        lines.push(format!("have {}", commits[random.below(commits.len())]));
    }
    if random.one_in(5) {
        lines.push("have unknown".to_owned());
    }
    for (option, rarity) in [
        ("ofs-delta", 2),
        ("thin-pack", 2),
        ("include-tag", 2),
        ("no-progress", 2),
        ("wait-for-done", 9),
        ("sideband-all", 9),
    ] {
        if random.one_in(rarity) {
            lines.push(option.to_owned());
        }
    }
    if random.one_in(4) {
        match random.below(4) {
            0 => lines.push(format!("deepen-since {}", 1_700_000_000 + random.below(4000))),
            1 if !shallow.is_empty() => {
                lines.push(format!("deepen {}", 1 + random.below(4)));
                lines.push("deepen-relative".to_owned());
            }
            _ => lines.push(format!("deepen {}", 1 + random.below(6))),
        }
    }
    if random.one_in(4) {
        let filter = random.pick(&[
            "blob:none",
            "blob:limit=20",
            "blob:limit=60",
            "tree:1",
            "tree:2",
            "tree:3",
            "object:type=tag",
            "sparse:oid=SPARSE",
            "combine:sparse:oid=SPARSE+tree:3",
            "object:type=commit",
            "object:type=tree",
            "combine:tree:3+blob:limit=50",
        ]);
        lines.push(format!("filter {filter}").replace("SPARSE", sparse));
    }
    if !random.one_in(3) {
        lines.push("done".to_owned());
    }
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    Request::fetch(&lines)
}

/// A round of version 0. Only where `any`, it may want what no ref is at: where dates lie, git does
/// not always find out whether one reaches it.
pub fn request_v0(random: &mut Random, commits: &[String], refs: &[String], any: bool) -> Request {
    let mut capabilities = String::new();
    let multi_ack = random.pick(&["", " multi_ack", " multi_ack_detailed"]);
    capabilities.push_str(multi_ack);
    capabilities.push_str(random.pick(&["", " side-band", " side-band-64k"]));
    for (capability, rarity) in [
        (" no-done", 2),
        (" ofs-delta", 2),
        (" thin-pack", 2),
        (" include-tag", 2),
        (" no-progress", 2),
        (" filter", 2),
    ] {
        if random.one_in(rarity) {
            capabilities.push_str(capability);
        }
    }
    let mut lines = Vec::new();
    for number in 0..1 + random.below(3) {
        let list = if random.one_in(3) && any { commits } else { refs };
        let capabilities = if number == 0 { capabilities.as_str() } else { "" };
        lines.push(format!("want {}{capabilities}", list[random.below(list.len())]));
    }
    let shallow = random.one_in(5).then(|| &commits[random.below(commits.len())]);
    lines.extend(shallow.map(|oid| format!("shallow {oid}")));
    if random.one_in(4) {
        lines.push(format!("deepen {}", 1 + random.below(6)));
    }
    if capabilities.contains("filter") && random.one_in(2) {
        lines.push(format!("filter {}", random.pick(&["blob:none", "tree:2", "blob:limit=60"])));
    }
    lines.push("0000".to_owned());
    lines.extend(shallow.map(|oid| format!("have {oid}")));
    for _ in 0..random.below(5) {
        lines.push(match random.below(4) {
            0 => "have unknown".to_owned(),
            _ => format!("have {}", commits[random.below(commits.len())]),
        });
    }
    // With a commit-graph, git 2.47 takes a client for ready as if its history were not cut.
    let end = if shallow.is_some() { "done" } else { random.pick(&["done", "0000"]) };
    lines.push(end.to_owned());
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    Request::new(format!("v0: {}", lines.join(", ")), 0, &lines)
}
