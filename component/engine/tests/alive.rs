//! What a client hears while its objects are selected, by a clock that runs fast.

mod support;

use std::cell::Cell;
use std::time::Duration;

use gitwasi_engine::storage::native::{NativeStorage, block_on};
use gitwasi_engine::storage::{DirEntry, Stat, Storage, StorageError};
use gitwasi_engine::{Engine, Limits, upload_pack};
use gitwasi_wire::ProtocolVersion;
use support::Lab;

/// Native storage on whose clock a second passes whenever somebody looks.
#[derive(Debug)]
struct Hasty(NativeStorage, Cell<u64>);

impl Storage for Hasty {
    type File = <NativeStorage as Storage>::File;

    async fn entries(&self, dir: &str, limit: usize) -> Result<Vec<DirEntry>, StorageError> {
        self.0.entries(dir, limit).await
    }

    async fn open(&self, path: &str) -> Result<Self::File, StorageError> {
        self.0.open(path).await
    }

    async fn stat(&self, path: &str) -> Result<Stat, StorageError> {
        self.0.stat(path).await
    }

    async fn look(&self, path: &str) -> Result<Stat, StorageError> {
        self.0.look(path).await
    }

    fn wall_clock(&self) -> u64 {
        self.0.wall_clock()
    }

    fn locate(&self, absolute: &str) -> Option<String> {
        self.0.locate(absolute)
    }

    async fn yield_now(&self) {
        self.0.yield_now().await;
    }

    async fn pause(&self, _milliseconds: u64) {}

    fn now(&self) -> Duration {
        self.1.set(self.1.get() + 1);
        Duration::from_secs(self.1.get())
    }
}

/// The packets of a response to a clone, by band; what has no band comes as 0.
fn clone(lab: &Lab, version: u8, lines: &[&str]) -> Vec<(u8, Vec<u8>)> {
    let engine =
        Engine::new(Hasty(NativeStorage::new(lab.dir.path()), Cell::new(0)), Limits::default());
    let main = lab.git("a.git", &["rev-parse", "main"]);
    let mut request = Vec::new();
    for line in lines {
        match *line {
            "0000" | "0001" => request.extend(line.bytes()),
            line => {
                let line = line.replace("MAIN", &main);
                request.extend(format!("{:04x}{line}\n", line.len() + 5).bytes());
            }
        }
    }
    let version = ProtocolVersion::from_header(format!("version={version}").as_bytes());
    let mut out = Vec::new();
    block_on(async {
        let repository = engine.open("a.git").await.expect("a repository");
        upload_pack::serve(&repository, version, &request, &mut out).await.expect("no error");
    });
    let mut packets = Vec::new();
    let mut rest = &out[..];
    while let Some((length, after)) =
        rest.split_at_checked(4).filter(|_| !rest.starts_with(b"PACK"))
    {
        let length = str::from_utf8(length).expect("digits");
        let length = usize::from_str_radix(length, 16).expect("a length").saturating_sub(4);
        let (data, after) = after.split_at(length);
        packets.push(match data {
            [band @ 1..=3, data @ ..] => (*band, data.to_vec()),
            data => (0, data.to_vec()),
        });
        rest = after;
    }
    packets
}

const WITH_PROGRESS: &[&str] = &["command=fetch", "0001", "want MAIN", "ofs-delta", "done", "0000"];
const WITHOUT: &[&str] =
    &["command=fetch", "0001", "want MAIN", "no-progress", "ofs-delta", "done", "0000"];

fn keep_alives(packets: &[(u8, Vec<u8>)]) -> usize {
    packets.iter().filter(|(band, data)| *band == 1 && data.is_empty()).count()
}

fn progress(packets: &[(u8, Vec<u8>)]) -> Vec<String> {
    let text: Vec<u8> =
        packets.iter().filter(|(band, _)| *band == 2).flat_map(|(_, data)| data.clone()).collect();
    let text = String::from_utf8(text).expect("text");
    text.split_inclusive(['\r', '\n']).map(str::to_owned).collect()
}

#[test]
fn silence_is_broken_as_often_as_the_configuration_says() {
    let lab = Lab::new();
    lab.history("a.git", 300, &[]);
    let every_five = keep_alives(&clone(&lab, 2, WITHOUT));
    assert!(every_five > 0);
    assert!(progress(&clone(&lab, 2, WITHOUT)).is_empty());
    lab.git("a.git", &["config", "uploadpack.keepAlive", "1"]);
    assert!(keep_alives(&clone(&lab, 2, WITHOUT)) > every_five);
    for never in ["0", "-1"] {
        lab.git("a.git", &["config", "uploadpack.keepAlive", never]);
        assert_eq!(keep_alives(&clone(&lab, 2, WITHOUT)), 0);
    }
}

/// Until it is known what lies elsewhere, a client expects no line.
#[test]
fn silence_before_the_section_of_the_pack_is_broken_on_band_2() {
    let lab = Lab::new();
    lab.history("a.git", 300, &[]);
    let uri = format!("{} {} https://e.com/x", "3".repeat(40), "4".repeat(40));
    lab.git("a.git", &["config", "uploadpack.blobPackfileUri", &uri]);
    lab.git("a.git", &["config", "uploadpack.allowSidebandAll", "true"]);
    let uris = ["sideband-all", "packfile-uris https", "done", "0000"];
    let packets = clone(&lab, 2, &[&WITHOUT[..5], &uris].concat());
    let section = packets.iter().position(|(band, data)| *band == 1 && data == b"packfile\n");
    let (before, after) = packets.split_at(section.expect("a section"));
    assert!(before.len() > 1, "{before:?}");
    assert!(before.iter().all(|packet| *packet == (2, Vec::new())), "{before:?}");
    assert!(after.iter().all(|(band, _)| *band != 2));
}

#[test]
fn progress_counts_up_and_ends_as_git_ends_it() {
    let lab = Lab::new();
    lab.history("a.git", 300, &[]);
    let ours = progress(&clone(&lab, 2, WITH_PROGRESS));
    let counts: Vec<u64> = ours
        .iter()
        .filter_map(|line| line.strip_prefix("Enumerating objects: ")?.strip_suffix('\r'))
        .map(|count| count.parse().expect("a number"))
        .collect();
    assert!(counts.len() > 2 && counts.is_sorted(), "{ours:?}");
    let objects = lab.git("a.git", &["rev-list", "--objects", "main"]).lines().count();
    let ours = ours.iter().filter(|line| line.ends_with('\n') && !line.starts_with("Compressing"));
    let last: Vec<&str> = ours.map(String::as_str).collect();
    let expected = [
        format!("Enumerating objects: {objects}, done.\n"),
        format!("Counting objects: 100% ({objects}/{objects}), done.\n"),
    ];
    assert_eq!((last.len(), &last[..2]), (3, &expected.each_ref().map(String::as_str)[..]));
    assert!(last[2].starts_with(&format!("Total {objects} (delta ")), "{last:?}");
}

/// Loose objects, and deltas on what the client did not say that it takes for a base.
#[test]
fn what_is_deflated_is_told_as_compressed() {
    let lab = Lab::new();
    lab.history("a.git", 60, &[]);
    lab.git("a.git", &["repack", "-adfq"]);
    let told = |arguments: &[&str]| {
        let lines = [&["command=fetch", "0001", "want MAIN", "ofs-delta"], arguments, &["0000"]];
        let told = progress(&clone(&lab, 2, &lines.concat()));
        let total = told.last().expect("a line");
        let numbers = total.split(|byte: char| !byte.is_ascii_digit());
        let numbers: Vec<u64> = numbers.filter_map(|number| number.parse().ok()).collect();
        let [objects, _, reused, _, copied, _] = numbers[..] else { panic!("{total}") };
        let deflated = objects - reused - copied;
        let line = format!("Compressing objects: 100% ({deflated}/{deflated}), done.\n");
        let compressing = told.iter().filter(|line| line.starts_with("Compressing"));
        let expected: &[&String] = if deflated == 0 { &[] } else { &[&line] };
        assert_eq!(compressing.collect::<Vec<_>>(), expected, "{told:?}");
        deflated
    };
    assert_eq!(told(&["done"]), 0);
    let have = format!("have {}", lab.git("a.git", &["rev-parse", "main~20"]));
    assert!(told(&[&have, "done"]) > 0);
    for message in ["more", "still more"] {
        let commit = lab.git("a.git", &["commit-tree", "main^{tree}", "-p", "main", "-m", message]);
        lab.git("a.git", &["update-ref", "refs/heads/main", &commit]);
    }
    assert_eq!(told(&["done"]), 2);
}

#[test]
fn without_a_side_band_nothing_can_be_told() {
    let lab = Lab::new();
    lab.history("a.git", 300, &[]);
    for (capabilities, silent) in [("", true), (" side-band", false), (" side-band-64k", false)] {
        let want = format!("want MAIN{capabilities}");
        let packets = clone(&lab, 0, &[&want, "0000", "done"]);
        assert_eq!(progress(&packets).is_empty(), silent, "{capabilities}");
    }
}
