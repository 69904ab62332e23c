//! Reads the head of a push, and gives the request back whole.

use futures_util::stream;
use gitwasi_runtime::Body;
use gitwasi_wire::receive_pack::{Head, HeadLimits, HeadParser, Progress};
use http_body::Frame;
use http_body_util::BodyExt;

use super::joined;

/// Bytes of a head: of one with some 10,000 refs. A push with a longer one is not rehearsed. One
/// head is in memory for each process at most.
const MAX_HEAD_BYTES: usize = 1 << 20;

/// Bytes up to the type of a pack's first object.
const PACK_START: usize = 13;

/// What is known of a push before git gets it.
pub(super) struct Begun {
    pub(super) head: Box<Head>,
    /// The first bytes of the pack, [`PACK_START`] if there are so many.
    start: Vec<u8>,
}

impl Begun {
    /// Whether the pack begins with a commit, as git writes one that brings any, or has no objects.
    /// What a branch may not be set to often comes without.
    ///
    /// Spec: gitformat-pack(5)
    pub(super) fn begins_with_commit(&self) -> bool {
        const COMMIT: u8 = 1;
        let is_empty = self.start.get(8..12) == Some(&[0; 4]);
        is_empty || self.start.get(12).is_some_and(|byte| (byte >> 4) & 7 == COMMIT)
    }
}

/// Reads up to the end of the head, and the start of the pack if one follows. Without a head, git
/// says itself what is wrong with the request.
pub(super) async fn read(mut request: Body) -> (Option<Begun>, Body) {
    let limits = HeadLimits { head_bytes: MAX_HEAD_BYTES, ..HeadLimits::default() };
    let mut parser = HeadParser::new(limits);
    let mut read = Vec::new();
    let mut begun: Option<Begun> = None;
    while begun
        .as_ref()
        .is_none_or(|begun| begun.head.expects_pack() && begun.start.len() < PACK_START)
    {
        let chunk = match request.frame().await {
            Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
            Some(Err(error)) => {
                read.push(Err(error));
                break;
            }
            None => break,
        };
        let mut pack = &chunk[..];
        if begun.is_none() {
            match parser.push(&chunk) {
                Ok(Progress::Incomplete) => pack = &[],
                Ok(Progress::Complete { head, consumed }) => {
                    begun = Some(Begun { head, start: Vec::new() });
                    pack = &chunk[consumed..];
                }
                Err(_) => {
                    read.push(Ok(Frame::data(chunk)));
                    break;
                }
            }
        }
        if let Some(Begun { start, .. }) = &mut begun {
            start.extend(pack.iter().take(PACK_START - start.len()));
        }
        read.push(Ok(Frame::data(chunk)));
    }
    (begun, joined(stream::iter(read), request))
}
