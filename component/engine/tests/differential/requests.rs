//! The table of requests: each a name, a version, and lines in which objects are named by revision.
//!
//! A revision that a repository does not have leaves the request out there.

/// One request.
#[derive(Debug, Clone)]
pub struct Request {
    pub name: String,
    pub version: u8,
    /// pkt-lines as text; `0000` and `0001` are flush-pkt and delim-pkt.
    pub lines: Vec<String>,
}

impl Request {
    pub fn new(name: impl Into<String>, version: u8, lines: &[&str]) -> Self {
        let lines = lines.iter().map(|line| (*line).to_owned()).collect();
        Self { name: name.into(), version, lines }
    }

    /// A `fetch` command.
    pub fn fetch(arguments: &[&str]) -> Self {
        let lines = [&["command=fetch", "FORMAT", "0001"], arguments, &["0000"]].concat();
        Self::new(format!("fetch: {}", arguments.join(", ")), 2, &lines)
    }
}

pub const UNKNOWN: &str = "unknown";

/// What a part of the table is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// `ls-refs`.
    Refs,
    /// Packs of all history, or of what is new.
    Packs,
    /// Packs of cut history.
    Depth,
    /// Packs of parts.
    Filters,
    /// Version 0.
    V0,
    /// What is offered sometimes, and what no client sends.
    Odd,
    /// Packs without what lies elsewhere.
    Uris,
}

pub const ALL: &[Topic] =
    &[Topic::Refs, Topic::Packs, Topic::Depth, Topic::Filters, Topic::V0, Topic::Odd, Topic::Uris];

/// The requests of a topic.
pub fn about(topic: Topic) -> Vec<Request> {
    let fetches = |list: &[&[&str]]| list.iter().map(|lines| Request::fetch(lines)).collect();
    match topic {
        Topic::Refs => LS_REFS
            .iter()
            .map(|arguments| {
                let lines = [&["command=ls-refs", "FORMAT", "0001"], *arguments, &["0000"]];
                Request::new(format!("ls-refs: {}", arguments.join(", ")), 2, &lines.concat())
            })
            .collect(),
        Topic::Packs => fetches(PACKS),
        Topic::Depth => fetches(DEPTH),
        Topic::Filters => fetches(FILTERS),
        Topic::Uris => fetches(URIS),
        Topic::V0 => {
            let request = |version: u8, lines: &[&str]| {
                Request::new(format!("v{version}: {}", lines.join(", ")), version, lines)
            };
            // Version 1 is version 0 but for a line in the advertisement.
            let v1 = V0.iter().step_by(4).map(|lines| request(1, lines));
            V0.iter().map(|lines| request(0, lines)).chain(v1).collect()
        }
        Topic::Odd => {
            let odd = V2.iter().map(|lines| Request::new(lines.join(", "), 2, lines));
            odd.chain(ODD.iter().map(|lines| Request::fetch(lines))).collect()
        }
    }
}

const LS_REFS: &[&[&str]] = &[
    &[],
    &["peel", "symrefs"],
    &["peel", "symrefs", "unborn"],
    &["symrefs", "ref-prefix HEAD", "ref-prefix refs/heads/"],
    &["peel", "ref-prefix refs/tags/v1", "ref-prefix refs/tags/", "ref-prefix refs/heads/m"],
    &["ref-prefix refs/none"],
    &["unborn", "ref-prefix refs/heads/"],
];

const PACKS: &[&[&str]] = &[
    &["want main", "done"],
    &["want main", "ofs-delta", "done"],
    &["want main", "no-progress", "ofs-delta", "thin-pack", "include-tag", "done"],
    &["want main", "want side", "want v7", "want v14", "ofs-delta", "done"],
    &["want chain", "ofs-delta", "done"],
    &["want tree-tag", "ofs-delta", "done"],
    &["want main^{tree}", "ofs-delta", "done"],
    &["want blob", "done"],
    &["want main~3", "ofs-delta", "done"],
    &["want main"],
    &["done"],
    &["want main", "have main~5"],
    &["want main", "have main~5", "done", "ofs-delta"],
    &["want main", "have main~5", "done", "ofs-delta", "thin-pack", "include-tag"],
    &["want main", "have main~5", "have main~7", "have unknown", "thin-pack"],
    &["want main", "have side", "have v7", "done", "thin-pack", "ofs-delta"],
    &["want main", "have main", "done"],
    &["want main~5", "have main", "done", "ofs-delta"],
    &["want main", "have unknown"],
    &["want main", "have unknown", "done"],
    &["want side", "have main", "ofs-delta", "thin-pack", "done"],
    &["want v7", "have main", "ofs-delta", "done"],
    &["want main", "have main~5", "wait-for-done"],
    &["have main~5", "have unknown", "wait-for-done"],
    &["want main", "have main~2", "wait-for-done", "done"],
];

const DEPTH: &[&[&str]] = &[
    &["want main", "deepen 1", "ofs-delta", "done"],
    &["want main", "deepen 3", "ofs-delta", "done"],
    &["want main", "deepen 2147483647", "ofs-delta", "done"],
    &["want main", "deepen-since 1700002000", "ofs-delta", "done"],
    &["want main", "deepen-since 1999999999", "done"],
    &["want main", "deepen-not v7", "ofs-delta", "done"],
    &["want main", "deepen-not none", "done"],
    &["want main", "deepen 2", "deepen-since 1700002000", "done"],
    &["want main", "shallow main~2", "have main", "deepen 5", "ofs-delta", "done"],
    &["want main", "shallow main~2", "have main~1", "ofs-delta", "thin-pack", "done"],
    &["want main", "shallow main~2", "have main", "deepen 2", "deepen-relative", "done"],
    &["want main", "shallow main~2", "have main", "deepen 2147483647", "ofs-delta", "done"],
    &["want main", "shallow main~2", "have main", "deepen-not v7", "done"],
    &["want main", "shallow unknown", "deepen 2", "done"],
    &["want main", "shallow main^{tree}", "deepen 2", "done"],
];

const FILTERS: &[&[&str]] = &[
    &["want main", "filter blob:none", "ofs-delta", "done"],
    &["want main", "filter blob:limit=100", "ofs-delta", "done"],
    &["want main", "filter tree:0", "done"],
    &["want main", "filter sparse:oid=main:sparse", "done"],
    &["want main", "filter sparse:oid=main:none", "done"],
    &["want main", "filter sparse:oid=main~2:sparse", "done"],
    &["want main", "filter sparse:oid=main^^0~~3^{}:sparse", "done"],
    &["want main", "filter sparse:oid=v7^{commit}^{tree}:sparse", "done"],
    &["want main", "filter sparse:oid=@~1:sparse", "done"],
    &["want main", "filter sparse:oid=HEAD^2:d3/e13/f113.txt", "done"],
    &["want main", "filter sparse:oid=main^2:sparse", "done"],
    &["want main", "filter sparse:oid=main~100:sparse", "done"],
    &["want main", "filter sparse:oid=main~4294967297:sparse", "done"],
    &["want main", "filter sparse:oid=main~x:sparse", "done"],
    &["want main", "filter sparse:oid=main~2", "done"],
    &["want main", "filter sparse:oid=main^{tree}", "done"],
    &["want main", "filter sparse:oid=main^{tag}:sparse", "done"],
    &["want main", "filter sparse:oid=main^{blob}:sparse", "done"],
    &["want main", "filter sparse:oid=main^{tree}^:sparse", "done"],
    &["want main", "filter sparse:oid=main^{x}:sparse", "done"],
    &["want main", "filter sparse:oid=none~2:sparse", "done"],
    &["want main", "have main~5", "filter sparse:oid=main:sparse", "thin-pack", "done"],
    &["want main", "filter combine:sparse:oid=main:sparse+blob:limit=60", "done"],
    &["want main", "filter tree:1", "done"],
    &["want main", "filter tree:3", "ofs-delta", "done"],
    &["want main", "want v7", "filter object:type=commit", "done"],
    &["want main", "want v7", "filter object:type=tag", "done"],
    &["want main", "filter object:type=tree", "done"],
    &["want main", "filter object:type=blob", "done"],
    &["want main", "filter combine:blob:none+tree:2", "done"],
    &["want main", "filter combine:object:type=blob+blob:limit=200", "done"],
    &["want main", "filter blob:none", "filter blob:none", "done"],
    &["want main", "have main~5", "filter blob:none", "ofs-delta", "thin-pack", "done"],
    &["want main", "have main~5", "filter tree:2", "done"],
    &["want main", "deepen 2", "filter blob:none", "done"],
    &["want blob", "want main", "filter blob:none", "done"],
];

const ODD: &[&[&str]] = &[
    &["want main", "want unknown", "done"],
    &["want-ref refs/heads/main", "ofs-delta", "done"],
    &["want-ref refs/heads/main", "want-ref refs/heads/main", "done"],
    &["want-ref refs/heads/none", "done"],
    &["want-ref refs/heads/side", "want main", "have main~5", "ofs-delta"],
    &["want-ref refs/heads/main", "deepen 2", "done"],
    &["want main", "filter nonsense", "done"],
    &["want main", "sideband-all", "done"],
    &["want main", "sideband-all", "have main~5", "deepen 3"],
    &["sideband-all", "want-ref refs/heads/side", "have main~5"],
    &["sideband-all", "want unknown", "done"],
    &["want main", "sideband-all", "packfile-uris https", "done"],
    &["want main", "packfile-uris https", "done"],
    &["want main", "nonsense", "done"],
    &["want xyz", "done"],
    &["want main", "have xyz", "done"],
    &["want main", "deepen 0", "done"],
    &["want main", "deepen -1", "done"],
];

const URIS: &[&[&str]] = &[
    &["want main", "sideband-all", "packfile-uris https,http", "done"],
    &["want main", "sideband-all", "packfile-uris https,http", "no-progress", "ofs-delta", "done"],
    &["packfile-uris http", "want main", "sideband-all", "thin-pack", "done"],
    &["want main", "sideband-all", "packfile-uris HTTPS,http, https", "done"],
    &["want main", "sideband-all", "packfile-uris ", "done"],
    &["want main", "sideband-all", "packfile-uris", "done"],
    &["want main", "packfile-uris https,http", "done"],
    &["want main", "sideband-all", "packfile-uris https", "packfile-uris http", "done"],
    &["want main", "packfile-uris https", "packfile-uris http", "done"],
    &["want main", "sideband-all", "packfile-uris tree", "done"],
    &["want main", "sideband-all", "packfile-uris commit,tree,https", "done"],
    &["want main", "sideband-all", "packfile-uris https", "have main~5", "thin-pack"],
    &["want main", "sideband-all", "packfile-uris https", "have main~5", "thin-pack", "done"],
    &["want main", "sideband-all", "packfile-uris https", "have main", "done"],
    &["want main", "sideband-all", "packfile-uris https", "have unknown"],
    &["want main", "sideband-all", "packfile-uris https", "deepen 1", "done"],
    &["want-ref refs/heads/main", "sideband-all", "packfile-uris https", "deepen 1", "done"],
    &["want main", "sideband-all", "packfile-uris https", "filter blob:none", "done"],
    &["want main", "sideband-all", "packfile-uris https", "filter blob:limit=9", "done"],
    &["want main", "sideband-all", "packfile-uris https", "filter tree:1", "done"],
    &["want blob", "sideband-all", "packfile-uris https", "done"],
    &["want blob", "want main", "sideband-all", "packfile-uris https", "no-progress", "done"],
    &["want blob", "want main", "sideband-all", "packfile-uris https", "filter blob:none", "done"],
];

const V2: &[&[&str]] = &[
    &["0000"],
    &["command=fetch", "FORMAT", "0000"],
    &["command=ls-refs", "FORMAT", "0000"],
    &["command=nonsense", "FORMAT", "0000"],
    &["agent=x", "FORMAT", "0000"],
    &["command=ls-refs", "command=fetch", "FORMAT", "0000"],
    &["command=ls-refs", "FORMAT", "server-option=a", "server-option=b", "0001", "0000"],
    &["command=ls-refs", "FORMAT", "session-id=x", "0001", "0000"],
    &["command=fetch", "FORMAT", "server-option=a", "0001", "want main", "done", "0000"],
    &[
        "command=fetch",
        "server-option=a",
        "FORMAT",
        "server-option=b=c",
        "0001",
        "want main",
        "have main~5",
        "0000",
    ],
    &["command=ls-refs", "object-format=sha256", "0001", "0000"],
    &["command=ls-refs", "object-format=md5", "0001", "0000"],
    &["command=ls-refs", "FORMAT", "0001", "nonsense", "0000"],
    &["command=object-info", "FORMAT", "0001", "size", "oid main", "oid unknown", "0000"],
    &["command=object-info", "FORMAT", "0001", "size", "oid blob", "oid chain", "0000"],
    &["command=object-info", "FORMAT", "0001", "oid main", "0000"],
    &["command=object-info", "FORMAT", "0001", "size", "0000"],
    &["command=bundle-uri", "FORMAT", "0000"],
    &["command=bundle-uri", "FORMAT", "0001", "0000"],
    &["command=bundle-uri", "FORMAT", "0001", "x", "0000"],
];

const V0: &[&[&str]] = &[
    &["0000"],
    &["want main", "0000", "done"],
    &["want main side-band", "0000", "done"],
    &["want main side-band-64k ofs-delta no-progress", "0000", "done"],
    &["want main multi_ack_detailed side-band-64k thin-pack include-tag", "0000", "done"],
    &["want main side-band-64k", "want side", "want v7", "0000", "done"],
    &["want main side-band-64k", "want main", "0000", "done"],
    &["want chain side-band-64k", "0000", "done"],
    &["want main", "0000"],
    &["want main", "0000", "have main~5", "0000"],
    &["want main", "0000", "have unknown", "have main~5", "done"],
    &["want main multi_ack", "0000", "have unknown", "have main~5", "have unknown", "0000"],
    &["want main multi_ack_detailed", "0000", "have main~5", "have unknown", "0000"],
    &["want main multi_ack_detailed", "0000", "have main~5", "0000"],
    &["want main multi_ack_detailed no-done side-band-64k", "0000", "have main~5", "0000"],
    &["want main multi_ack_detailed no-done side-band-64k", "0000", "have unknown", "0000"],
    &["want main multi_ack side-band-64k thin-pack ofs-delta", "0000", "have main~5", "done"],
    &["want side side-band-64k", "0000", "have main", "done"],
    &["want unknown side-band-64k", "0000", "done"],
    &["want main~3 side-band-64k", "0000", "done"],
    &["want main^{tree} side-band-64k", "0000", "done"],
    &["want dangling side-band-64k", "0000", "done"],
    &["want hidden side-band-64k", "0000", "done"],
    &["want hidden~1 side-band-64k", "0000", "done"],
    &["want main side-band-64k", "deepen 1", "0000"],
    &["want main side-band-64k", "deepen 2", "0000", "done"],
    &["want main side-band-64k", "deepen-since 1700002000", "0000", "done"],
    &["want main side-band-64k", "deepen-not v7", "0000", "done"],
    &["want main side-band-64k", "shallow main~2", "deepen 4", "0000", "have main", "done"],
    &["want main side-band-64k", "shallow main~2", "0000", "have main~1", "done"],
    &[
        "want main side-band-64k deepen-relative",
        "shallow main~2",
        "deepen 2",
        "0000",
        "have main",
        "done",
    ],
    &["want main side-band-64k filter", "filter blob:none", "0000", "done"],
    &["want main side-band-64k filter", "filter tree:1", "0000", "done"],
    &["want main side-band-64k", "filter blob:none", "0000", "done"],
    &["nonsense", "0000"],
    &["want main", "nonsense", "0000", "done"],
    &["want main", "0000", "nonsense", "done"],
];
