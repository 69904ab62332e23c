//! What a server offers to a pushing client.
//!
//! Spec: gitprotocol-capabilities(5)

use bstr::BString;

use crate::ObjectFormat;

/// What `git-receive-pack` offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advertised {
    /// `agent`: who serves, without white space.
    pub agent: BString,
    /// `object-format`: the repository's.
    pub object_format: ObjectFormat,
    /// `atomic`.
    pub atomic: bool,
    /// `push-cert`: the nonce for signed pushes, which are accepted then.
    pub push_cert_nonce: Option<BString>,
    /// `push-options`.
    pub push_options: bool,
    /// `session-id`.
    pub session_id: Option<BString>,
}

impl Advertised {
    /// What git offers of its own accord.
    pub fn new(agent: impl Into<BString>, object_format: ObjectFormat) -> Self {
        Self {
            agent: agent.into(),
            object_format,
            atomic: true,
            push_cert_nonce: None,
            push_options: false,
            session_id: None,
        }
    }

    /// The list, in git's order, for a [`RefAdvertisement`](crate::RefAdvertisement).
    pub fn list(&self) -> Vec<u8> {
        let mut list = b"report-status report-status-v2 delete-refs side-band-64k quiet".to_vec();
        let mut add = |parts: &[&[u8]]| {
            list.push(b' ');
            parts.iter().for_each(|part| list.extend_from_slice(part));
        };
        if self.atomic {
            add(&[b"atomic"]);
        }
        add(&[b"ofs-delta"]);
        if let Some(nonce) = &self.push_cert_nonce {
            add(&[b"push-cert=", nonce]);
        }
        if self.push_options {
            add(&[b"push-options"]);
        }
        if let Some(id) = &self.session_id {
            add(&[b"session-id=", id]);
        }
        add(&[b"object-format=", self.object_format.name().as_bytes()]);
        add(&[b"agent=", &self.agent]);
        list
    }
}
