//! Requests that arrive in pieces, break off, or do not end.

mod support;

use gitwasi_engine::storage::native::{NativeStorage, block_on};
use gitwasi_engine::upload_pack::{self, Input};
use gitwasi_engine::{Engine, Error, Limits};
use gitwasi_wire::ProtocolVersion;
use support::Lab;

/// Gives so many bytes at a time, and then perhaps an error.
struct Pieces<'b> {
    bytes: &'b [u8],
    size: usize,
    breaks_off: bool,
}

impl Input for &mut Pieces<'_> {
    async fn read(&mut self) -> Result<Option<Vec<u8>>, Error> {
        if self.bytes.is_empty() && self.breaks_off {
            return Err(Error::Aborted);
        }
        let (now, later) = self.bytes.split_at(self.size.min(self.bytes.len()));
        self.bytes = later;
        Ok((!now.is_empty()).then(|| now.to_vec()))
    }
}

fn requests(lab: &Lab) -> Vec<(ProtocolVersion, Vec<u8>)> {
    let main = lab.git("a.git", &["rev-parse", "main"]);
    let old = lab.git("a.git", &["rev-parse", "main~3"]);
    let request = |lines: &[String]| {
        let mut out = Vec::new();
        for line in lines {
            match line.as_str() {
                "0000" | "0001" => out.extend(line.bytes()),
                line => out.extend(format!("{:04x}{line}\n", line.len() + 5).bytes()),
            }
        }
        out
    };
    let flush = || "0000".to_owned();
    let v2 = [
        "command=fetch".into(),
        "0001".into(),
        format!("want {main}"),
        format!("have {old}"),
        "done".into(),
        flush(),
    ];
    let v0 = [
        format!("want {main} side-band-64k ofs-delta"),
        flush(),
        format!("have {old}"),
        "done".into(),
    ];
    vec![
        (ProtocolVersion::V2, request(&v2)),
        (ProtocolVersion::V0, request(&v0)),
        (ProtocolVersion::V1, request(&v0)),
    ]
}

#[test]
fn the_answer_does_not_depend_on_how_a_request_arrives() {
    let lab = Lab::new();
    lab.history("a.git", 20, &[]);
    let repository = lab.open("a.git");
    for (version, request) in requests(&lab) {
        let mut whole = Vec::new();
        block_on(upload_pack::serve(&repository, version, &request, &mut whole)).expect("a pack");
        for size in [1, 3, 64] {
            let mut pieces = Pieces { bytes: &request, size, breaks_off: false };
            let mut out = Vec::new();
            block_on(upload_pack::serve(&repository, version, &mut pieces, &mut out))
                .expect("a pack");
            assert!(out == whole, "{version:?} in pieces of {size}");
        }
    }
}

#[test]
fn a_request_that_breaks_off_is_answered_with_nothing() {
    let lab = Lab::new();
    lab.history("a.git", 20, &[]);
    let repository = lab.open("a.git");
    for (version, request) in requests(&lab) {
        for end in (0..request.len()).step_by(7) {
            let mut pieces = Pieces { bytes: &request[..end], size: 16, breaks_off: true };
            let mut out = Vec::new();
            let outcome = block_on(upload_pack::serve(&repository, version, &mut pieces, &mut out));
            assert!(matches!(outcome, Err(Error::Aborted)), "{version:?} cut at {end}");
            assert!(out.is_empty(), "{version:?} cut at {end}");
        }
    }
}

#[test]
fn a_request_without_end_is_read_up_to_the_limit() {
    let lab = Lab::new();
    lab.history("a.git", 20, &[]);
    let limits = Limits { request: 10_000, ..Limits::default() };
    let engine = Engine::new(NativeStorage::new(lab.dir.path()), limits);
    let repository = block_on(engine.open("a.git")).expect("a repository");
    let mut endless = b"0014command=ls-refs\n0001".to_vec();
    endless.extend(b"0017ref-prefix refs/xy\n".repeat(10_000));
    let mut pieces = Pieces { bytes: &endless, size: 512, breaks_off: false };
    let mut out = Vec::new();
    let version = ProtocolVersion::V2;
    let outcome = block_on(upload_pack::serve(&repository, version, &mut pieces, &mut out));
    assert!(matches!(outcome, Err(Error::LimitExceeded("request"))));
    assert!(endless.len() - pieces.bytes.len() < 11_000, "no more was read");
    assert_eq!(out, b"002cERR upload-pack: limit exceeded: request");
}
