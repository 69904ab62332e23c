//! Push certificates: the ref updates of a signed push.
//!
//! Spec: gitprotocol-pack(5), "Push Certificate"

use bstr::{BString, ByteSlice};

use super::HeadError;

/// A push certificate. Its signature is not checked here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushCert {
    /// The certificate as it was sent: header, ref updates and signature.
    pub raw: BString,
    /// Who signed, as `pusher` claims: a key id or an ident and a date.
    pub pusher: Option<BString>,
    /// The URL that was pushed to, without credentials, as `pushee` claims.
    pub pushee: Option<BString>,
    /// The nonce, to be compared with the one that was advertised.
    pub nonce: Option<BString>,
    /// The push options that were signed. git refuses a push whose own ones differ.
    pub push_options: Vec<BString>,
}

impl PushCert {
    /// Takes a certificate apart; answers with it and its ref update lines.
    pub(super) fn parse(raw: Vec<u8>) -> Result<(Self, Vec<BString>), HeadError> {
        let header_len = raw.find(b"\n\n").ok_or(HeadError::MalformedPushCert)?;
        let body = header_len + 2;
        let signature = signature_start(&raw);
        // A signature before the body leaves git with a push of nothing; no client means that.
        let lines = raw.get(body..signature).ok_or(HeadError::MalformedPushCert)?;
        let lines = lines.strip_suffix(b"\n").unwrap_or(lines);
        if lines.is_empty() {
            return Err(HeadError::MalformedPushCert);
        }
        let lines = lines.split(|byte| *byte == b'\n').map(BString::from).collect();

        let header = &raw[..header_len];
        let fields = |name: &'static [u8]| {
            header.split(|byte| *byte == b'\n').filter_map(move |line| line.strip_prefix(name))
        };
        let first = |name: &'static [u8]| fields(name).next().map(BString::from);
        let cert = Self {
            pusher: first(b"pusher "),
            pushee: first(b"pushee "),
            nonce: first(b"nonce "),
            push_options: fields(b"push-option ").map(BString::from).collect(),
            raw: BString::default(),
        };
        Ok((Self { raw: raw.into(), ..cert }, lines))
    }
}

/// Where the signature begins: at the last line that looks like it, as git decides. Whatever is
/// before must be ref updates, so that nothing git would execute can hide there.
fn signature_start(raw: &[u8]) -> usize {
    const BEGINNINGS: [&[u8]; 4] = [
        b"-----BEGIN PGP SIGNATURE-----",
        b"-----BEGIN PGP MESSAGE-----",
        b"-----BEGIN SIGNED MESSAGE-----",
        b"-----BEGIN SSH SIGNATURE-----",
    ];
    let (mut at, mut found) = (0, raw.len());
    for line in raw.split_inclusive(|byte| *byte == b'\n') {
        if BEGINNINGS.iter().any(|beginning| line.starts_with(beginning)) {
            found = at;
        }
        at += line.len();
    }
    found
}
