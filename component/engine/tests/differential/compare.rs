//! One cell of the suite: a repository, a request, two servers.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use gitwasi_engine::storage::native::{NativeStorage, block_on};
use gitwasi_engine::{Engine, Limits, upload_pack};
use gitwasi_wire::ProtocolVersion;

use crate::requests::{Request, UNKNOWN};
use crate::response::Response;
use crate::support::{self, Lab};

/// Names of objects that requests may use, besides any revision.
const REVISIONS: &[&str] = &[
    "main",
    "main~1",
    "main~2",
    "main~3",
    "main~5",
    "main~7",
    "side",
    "v7",
    "v14",
    "chain",
    "tree-tag",
    "main^{tree}",
    "blob",
    "dangling",
    "hidden",
    "hidden~1",
];

/// A repository under test, with what is known of it.
pub struct Subject<'l> {
    pub lab: &'l Lab,
    /// What the cells are called; the repository itself is always `a.git`.
    pub name: &'l str,
    pub revisions: HashMap<String, String>,
    hex_len: usize,
    format: String,
    /// Whether there are bitmaps: git may then leave out objects that the client has and a walk
    /// does not notice.
    has_bitmaps: bool,
    /// Whether content may turn up again under another name, as people seldom have it: git
    /// notices it within a directory, we do not.
    pub has_copies: bool,
    clients: RefCell<HashMap<String, PathBuf>>,
    failures: RefCell<Vec<String>>,
}

impl<'l> Subject<'l> {
    pub fn new(lab: &'l Lab, name: &'l str) -> Self {
        let format = lab.git("a.git", &["rev-parse", "--show-object-format"]);
        let mut subject = Self {
            lab,
            name,
            revisions: HashMap::new(),
            hex_len: if format == "sha1" { 40 } else { 64 },
            format,
            has_bitmaps: std::fs::read_dir(lab.path("a.git/objects/pack")).is_ok_and(|dir| {
                dir.flatten()
                    .any(|entry| entry.path().extension().is_some_and(|end| end == "bitmap"))
            }),
            has_copies: false,
            clients: RefCell::default(),
            failures: RefCell::default(),
        };
        subject.learn(REVISIONS);
        subject
    }

    /// Looks up revisions, all in one process.
    pub fn learn(&mut self, revisions: &[&str]) {
        // What no ref names is kept in a file.
        let extra = std::fs::read_to_string(self.lab.path("a.git/test-objects"));
        let extra = extra.unwrap_or_default();
        for line in extra.lines() {
            let (name, oid) = line.split_once(' ').expect("a name and an oid");
            self.revisions.insert(name.to_owned(), oid.to_owned());
        }
        let input = revisions.join("\n") + "\n";
        let arguments = ["cat-file", "--batch-check=%(objectname)"];
        let output = self.lab.git_with("a.git", &arguments, input.as_bytes(), &[]);
        let output = String::from_utf8_lossy(&output.stdout).into_owned();
        for (revision, oid) in revisions.iter().zip(output.lines()) {
            if oid.len() == self.hex_len && !oid.contains(' ') {
                self.revisions.insert((*revision).to_owned(), oid.to_owned());
            }
        }
        self.revisions.insert(UNKNOWN.to_owned(), "5".repeat(self.hex_len));
    }

    /// Lets requests name objects by their oids.
    pub fn know<'o>(&mut self, oids: impl Iterator<Item = &'o String>) {
        self.revisions.extend(oids.map(|oid| (oid.clone(), oid.clone())));
    }

    /// The lines with oids instead of revisions; `None` if there is no such revision.
    fn resolve(&self, request: &Request) -> Option<Vec<String>> {
        let mut lines = Vec::new();
        for line in &request.lines {
            let mut words: Vec<&str> = line.split(' ').collect();
            if let ["want" | "have" | "shallow" | "oid", revision, ..] = words[..]
                && revision != "xyz"
            {
                words[1] = self.revisions.get(revision)?;
            }
            match line.as_str() {
                "FORMAT" => lines.push(format!("object-format={}", self.format)),
                _ => lines.push(words.join(" ")),
            }
        }
        Some(lines)
    }

    /// Compares the advertisements of each version.
    pub fn advertisements(&self) {
        for version in 0..3 {
            let git = self.git(version, &["--advertise-refs"], b"");
            let engine = Engine::new(NativeStorage::new(self.lab.dir.path()), Limits::default());
            let mut ours = Vec::new();
            let outcome = block_on(async {
                let repository = engine.open("a.git").await?;
                upload_pack::advertise(&repository, protocol(version), &mut ours).await
            });
            let cell = format!("{} × advertisement of version {version}", self.name);
            if let Err(error) = outcome {
                self.fail(&cell, &format!("ours fails: {error}"));
                continue;
            }
            let (ours, git) = (Response::parse(&ours), Response::parse(&git.stdout));
            if ours != git {
                self.fail(&cell, &difference(&ours.lines, &git.lines));
            }
        }
    }

    /// Compares the answers to one request.
    pub fn compare(&self, request: &Request) {
        let Some(lines) = self.resolve(request) else { return };
        let cell = format!("{} × {}", self.name, request.name);
        let bytes = pkt_lines(&lines);
        let git_output = self.git(request.version, &[], &bytes);
        let engine = Engine::new(NativeStorage::new(self.lab.dir.path()), Limits::default());
        let mut ours = Vec::new();
        let outcome = block_on(async {
            let repository = engine.open("a.git").await?;
            upload_pack::serve(&repository, protocol(request.version), &bytes, &mut ours).await
        });
        let (ours, git) = (Response::parse(&ours), Response::parse(&git_output.stdout));
        if !git_output.status.success() {
            // Git tells the client of some errors only; we tell of all, and of a line that cannot
            // be read before anything else.
            let unreadable = lines.iter().any(|line| line.contains("nonsense"));
            match (&git.error, &ours.error) {
                _ if outcome.is_ok() => self.fail(&cell, &format!("git refuses:\n{git_output:?}")),
                (Some(theirs), ours) if ours.as_ref() != Some(theirs) && !unreadable => {
                    self.fail(&cell, &format!("ours says {ours:?}, git {theirs:?}"));
                }
                (None, None) => self.fail(&cell, "ours does not tell the client"),
                _ => {}
            }
            return;
        }
        if let Err(error) = outcome {
            self.fail(&cell, &format!("ours fails: {error}"));
            return;
        }
        if ours.lines != git.lines || ours.error != git.error {
            self.fail(&cell, &difference(&ours.lines, &git.lines));
            return;
        }
        match (&ours.pack, &git.pack) {
            (None, None) => {}
            (Some(ours_pack), Some(git_pack)) => {
                self.packs(&cell, &lines, ours_pack, git_pack);
                self.progress(&cell, &ours, &git);
            }
            _ => self.fail(&cell, "only one of the two sends a pack"),
        }
    }

    fn packs(&self, cell: &str, lines: &[String], ours: &[u8], git: &[u8]) {
        let client = self.client(lines);
        let cut = lines.iter().any(|line| {
            ["deepen", "shallow", "filter", "packfile-uris"]
                .iter()
                .any(|word| line.starts_with(word))
        });
        let partial = cut || self.lab.path("a.git/shallow").exists();
        let ours = match self.index(&client, ours, !partial) {
            Ok(objects) => objects,
            Err(error) => {
                self.fail(cell, &format!("our pack does not index: {error}"));
                return;
            }
        };
        let git = self.index(&client, git, false).expect("git indexes its own pack");
        let surplus: Vec<_> = ours.difference(&git).collect();
        let missing: Vec<_> = git.difference(&ours).collect();
        if surplus.is_empty() && missing.is_empty() {
            return;
        }
        let had = self.objects(&client);
        // Git sends more than it has to where the client did not ask for a thin pack.
        let may_resend = self.has_bitmaps || self.has_copies;
        if missing.iter().all(|oid| had.contains(*oid))
            && surplus.iter().all(|oid| may_resend && had.contains(*oid))
        {
            return;
        }
        let describe = |oids: &[&String]| {
            oids.iter()
                .take(5)
                .map(|oid| format!("  {oid} {}\n", self.lab.git("a.git", &["cat-file", "-t", oid])))
                .collect::<String>()
        };
        self.fail(
            cell,
            &format!(
                "{} objects too many:\n{}{} too few:\n{}",
                surplus.len(),
                describe(&surplus),
                missing.len(),
                describe(&missing)
            ),
        );
    }

    /// The lines that end each phase, without their numbers: what is looked at, reused and a delta
    /// depends on how a pack is made.
    fn progress(&self, cell: &str, ours: &Response, git: &Response) {
        let shape = |response: &Response| {
            let lines = response.progress.split(['\r', '\n']);
            let lines = lines.filter(|line| line.contains("done.") || line.starts_with("Total "));
            let words = lines.map(|line| line.split(' ').next().unwrap_or_default().to_owned());
            words.filter(|word| word != "Compressing").collect::<Vec<_>>()
        };
        let (ours, git) = (shape(ours), shape(git));
        // Objects that git copies with a whole stretch of a pack, it does not count.
        if ours != git && !self.has_bitmaps {
            self.fail(cell, &format!("progress: ours {ours:?}, git {git:?}"));
        }
    }

    fn git(&self, version: u8, options: &[&str], input: &[u8]) -> std::process::Output {
        let protocol = format!("version={version}");
        let arguments = [&["upload-pack", "--stateless-rpc"], options, &["."]].concat();
        self.lab.git_with("a.git", &arguments, input, &[("GIT_PROTOCOL", &protocol)])
    }

    /// A repository that has what a client has that says these lines, and nothing else.
    fn client(&self, lines: &[String]) -> PathBuf {
        let mut has: Vec<&str> = Vec::new();
        for line in lines {
            match line.split_once(' ') {
                Some(("have", oid)) if self.revisions[UNKNOWN] != oid => has.push(oid),
                Some(("shallow", oid)) if self.revisions[UNKNOWN] != oid => has.push(oid),
                _ => {}
            }
        }
        let shallow = |oid: &&str| lines.contains(&format!("shallow {oid}"));
        let mut input = String::new();
        for oid in has.iter().copied().filter(|oid| shallow(oid)) {
            input.push_str(&format!("--shallow {oid}\n"));
        }
        for oid in &has {
            input.push_str(&format!("{oid}\n"));
        }
        if let Some(client) = self.clients.borrow().get(&input) {
            return client.clone();
        }
        let client = self.lab.path(&format!("client-{}", self.clients.borrow().len()));
        self.skeleton(&client);
        if !has.is_empty() {
            let arguments = ["--shallow-file", "", "pack-objects", "-q", "--revs", "--stdout"];
            let pack = self.lab.git_with("a.git", &arguments, input.as_bytes(), &[]);
            assert!(pack.status.success(), "{input}: {pack:?}");
            let name = client.file_name().and_then(|name| name.to_str()).expect("a name");
            let index = self.lab.git_with(name, &["index-pack", "--stdin"], &pack.stdout, &[]);
            assert!(index.status.success(), "{input}: {index:?}");
        }
        self.clients.borrow_mut().insert(input, client.clone());
        client
    }

    /// An empty repository, without the price of a process.
    fn skeleton(&self, path: &Path) {
        for directory in ["objects/info", "objects/pack", "refs"] {
            std::fs::create_dir_all(path.join(directory)).expect("a directory");
        }
        support::write(&path.join("HEAD"), b"ref: refs/heads/main\n");
        let config = format!(
            "[core]\nrepositoryformatversion = 1\nbare = true\n[extensions]\nobjectFormat = {}\n",
            self.format
        );
        support::write(&path.join("config"), config.as_bytes());
    }

    /// Indexes a pack as a client does that has what `client` has; the pack's own objects.
    fn index(&self, client: &Path, pack: &[u8], strict: bool) -> Result<BTreeSet<String>, String> {
        let scratch = self.lab.path("scratch");
        self.skeleton(&scratch);
        let alternates = format!("{}\n", client.join("objects").display());
        support::write(&scratch.join("objects/info/alternates"), alternates.as_bytes());
        let mut arguments = vec!["index-pack", "--stdin", "--fix-thin"];
        arguments.extend(strict.then_some("--strict"));
        let output = self.lab.git_with("scratch", &arguments, pack, &[]);
        let found = if output.status.success() {
            let entries = std::fs::read_dir(scratch.join("objects/pack")).expect("a directory");
            let mut paths = entries.map(|entry| entry.expect("an entry").path());
            let idx = paths.find(|path| path.extension().is_some_and(|end| end == "idx"));
            // An empty pack leaves nothing behind.
            Ok(idx.map_or_else(BTreeSet::new, |idx| {
                let count = u32::from_be_bytes(pack[8..12].try_into().expect("a count"));
                own_objects(
                    &std::fs::read(idx).expect("an index"),
                    count as usize,
                    self.hex_len / 2,
                )
            }))
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        };
        std::fs::remove_dir_all(scratch).expect("removed");
        found
    }

    /// All objects of a repository.
    fn objects(&self, path: &Path) -> BTreeSet<String> {
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
        let arguments = ["cat-file", "--batch-all-objects", "--batch-check=%(objectname)"];
        self.lab.git(name, &arguments).lines().map(str::to_owned).collect()
    }

    fn fail(&self, cell: &str, what: &str) {
        self.failures.borrow_mut().push(format!("### {cell}\n{what}\n"));
    }

    /// Panics if any cell failed, and tells all that did.
    pub fn finish(self) {
        let failures = self.failures.into_inner();
        assert!(failures.is_empty(), "{} cells differ\n{}", failures.len(), failures.join("\n"));
    }
}

/// The first `count` objects of a pack by offset: completing a thin pack adds others behind them.
fn own_objects(idx: &[u8], count: usize, oid_len: usize) -> BTreeSet<String> {
    let number = |at: usize| u32::from_be_bytes(idx[at..at + 4].try_into().expect("four bytes"));
    let total = number(8 + 255 * 4) as usize;
    let oids = 8 + 256 * 4;
    let offsets = oids + total * (oid_len + 4);
    let mut entries: Vec<(u32, usize)> =
        (0..total).map(|pos| (number(offsets + pos * 4), pos)).collect();
    entries.sort_unstable();
    let oid = |pos: usize| &idx[oids + pos * oid_len..][..oid_len];
    entries
        .into_iter()
        .take(count)
        .map(|(_, pos)| oid(pos).iter().map(|byte| format!("{byte:02x}")).collect())
        .collect()
}

fn protocol(version: u8) -> ProtocolVersion {
    ProtocolVersion::from_header(format!("version={version}").as_bytes())
}

fn pkt_lines(lines: &[String]) -> Vec<u8> {
    let mut out = Vec::new();
    for line in lines {
        match line.as_str() {
            "0000" | "0001" => out.extend(line.bytes()),
            line => out.extend(format!("{:04x}{line}\n", line.len() + 5).bytes()),
        }
    }
    out
}

/// The lines that only one side has, in order.
fn difference(ours: &[String], git: &[String]) -> String {
    let only = |these: &[String], those: &[String]| {
        let lines: Vec<_> = these.iter().filter(|line| !those.contains(line)).take(8).collect();
        format!("{lines:#?}")
    };
    if only(ours, git) == only(git, ours) {
        return format!("another order:\nours {ours:#?}\ngit {git:#?}");
    }
    format!("only ours: {}\nonly git: {}", only(ours, git), only(git, ours))
}
