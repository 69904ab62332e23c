//! Capabilities of `git-upload-pack` in versions 0 and 1, both ways.
//!
//! Spec: gitprotocol-capabilities(5)

use bstr::BString;

use crate::ObjectFormat;
use crate::capability_list::{Item, items};
use crate::side_band::SideBand;

/// How acknowledgments are to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AckMode {
    /// Only the first common object is acknowledged.
    #[default]
    Single,
    /// `multi_ack`: all common ones, as `continue`.
    Multi,
    /// `multi_ack_detailed`: all common ones, as `common` and `ready`.
    Detailed,
}

/// The protocol capabilities of a fetch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Capabilities {
    /// `multi_ack` or `multi_ack_detailed`, which is the stronger one.
    pub ack_mode: AckMode,
    /// `no-done`: the pack may follow `ready` at once.
    pub no_done: bool,
    /// `side-band` or `side-band-64k`, which is the stronger one.
    pub side_band: Option<SideBand>,
    /// `thin-pack`.
    pub thin_pack: bool,
    /// `ofs-delta`.
    pub ofs_delta: bool,
    /// `no-progress`.
    pub no_progress: bool,
    /// `include-tag`.
    pub include_tag: bool,
    /// `deepen-relative`.
    pub deepen_relative: bool,
    /// `filter`.
    pub filter: bool,
    /// `agent`.
    pub agent: Option<BString>,
    /// `session-id`.
    pub session_id: Option<BString>,
    /// All others, as they are, values included. `deepen-since` and `deepen-not` are among them,
    /// which git asks for and does not need, and `object-format`, which git ignores here.
    pub unknown: Vec<BString>,
}

impl Capabilities {
    pub(super) fn parse(list: &[u8]) -> Self {
        let mut capabilities = Self::default();
        for Item { name, value, whole } in items(list) {
            let value = || BString::from(value.unwrap_or_default());
            match name {
                b"multi_ack_detailed" => capabilities.ack_mode = AckMode::Detailed,
                b"multi_ack" if capabilities.ack_mode == AckMode::Single => {
                    capabilities.ack_mode = AckMode::Multi;
                }
                b"multi_ack" => {}
                b"no-done" => capabilities.no_done = true,
                b"side-band-64k" => capabilities.side_band = Some(SideBand::Large),
                b"side-band" => {
                    capabilities.side_band.get_or_insert(SideBand::Small);
                }
                b"thin-pack" => capabilities.thin_pack = true,
                b"ofs-delta" => capabilities.ofs_delta = true,
                b"no-progress" => capabilities.no_progress = true,
                b"include-tag" => capabilities.include_tag = true,
                b"deepen-relative" => capabilities.deepen_relative = true,
                b"filter" => capabilities.filter = true,
                b"agent" => {
                    capabilities.agent.get_or_insert_with(value);
                }
                b"session-id" => {
                    capabilities.session_id.get_or_insert_with(value);
                }
                _ => capabilities.unknown.push(whole.into()),
            }
        }
        capabilities
    }
}

/// What a server offers in versions 0 and 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advertised {
    /// `agent`: who serves, without white space.
    pub agent: BString,
    /// `object-format`: the repository's.
    pub object_format: ObjectFormat,
    /// `allow-tip-sha1-in-want`: objects at the tips of hidden refs may be wanted.
    pub allow_tip_in_want: bool,
    /// `allow-reachable-sha1-in-want`: any reachable object may be wanted.
    pub allow_reachable_in_want: bool,
    /// `filter`.
    pub filter: bool,
    /// `symref`: symbolic refs that have a commit, and what they point to. git tells of HEAD only.
    pub symrefs: Vec<(BString, BString)>,
    /// `session-id`.
    pub session_id: Option<BString>,
}

impl Advertised {
    /// What git offers of its own accord.
    pub fn new(agent: impl Into<BString>, object_format: ObjectFormat) -> Self {
        Self {
            agent: agent.into(),
            object_format,
            allow_tip_in_want: false,
            allow_reachable_in_want: false,
            filter: false,
            symrefs: Vec::new(),
            session_id: None,
        }
    }

    /// The list, in git's order, for a [`RefAdvertisement`](crate::RefAdvertisement).
    pub fn list(&self) -> Vec<u8> {
        let mut list = b"multi_ack thin-pack side-band side-band-64k ofs-delta shallow \
            deepen-since deepen-not deepen-relative no-progress include-tag multi_ack_detailed"
            .to_vec();
        let mut add = |parts: &[&[u8]]| {
            list.push(b' ');
            parts.iter().for_each(|part| list.extend_from_slice(part));
        };
        if self.allow_tip_in_want {
            add(&[b"allow-tip-sha1-in-want"]);
        }
        if self.allow_reachable_in_want {
            add(&[b"allow-reachable-sha1-in-want"]);
        }
        // Offered over HTTP alone, which is all there is here.
        add(&[b"no-done"]);
        for (name, target) in &self.symrefs {
            add(&[b"symref=", name, b":", target]);
        }
        if self.filter {
            add(&[b"filter"]);
        }
        if let Some(id) = &self.session_id {
            add(&[b"session-id=", id]);
        }
        add(&[b"object-format=", self.object_format.name().as_bytes()]);
        add(&[b"agent=", &self.agent]);
        list
    }
}
