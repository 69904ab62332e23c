//! What a pushing client asks for, after the NUL of its first line.
//!
//! Spec: gitprotocol-capabilities(5)

use bstr::BString;

use super::HeadError;
use crate::ObjectFormat;
use crate::capability_list::{Item, items};

/// The protocol capabilities of a push.
///
/// Set by name whether or not a value follows, as git does; of two values the first counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Capabilities {
    /// `report-status`.
    pub report_status: bool,
    /// `report-status-v2`.
    pub report_status_v2: bool,
    /// `side-band-64k`.
    pub side_band_64k: bool,
    /// `quiet`.
    pub quiet: bool,
    /// `atomic`.
    pub atomic: bool,
    /// `delete-refs`.
    pub delete_refs: bool,
    /// `ofs-delta`.
    pub ofs_delta: bool,
    /// `push-options`: a section of push options follows the ref updates.
    ///
    /// A server that did not advertise it does not read that section. Refuse such a push, or
    /// advertise it: git, run behind us without `receive.advertisePushOptions`, takes the section
    /// for the pack.
    pub push_options: bool,
    /// `object-format`; sha1 for a client that does not say.
    pub object_format: ObjectFormat,
    /// `agent`.
    pub agent: Option<BString>,
    /// `session-id`.
    pub session_id: Option<BString>,
    /// All others, as they are, values included.
    pub unknown: Vec<BString>,
}

impl Capabilities {
    pub(super) fn parse(list: &[u8]) -> Result<Self, HeadError> {
        let mut capabilities = Self::default();
        let mut object_format = None;
        for Item { name, value, whole } in items(list) {
            match name {
                b"report-status" => capabilities.report_status = true,
                b"report-status-v2" => capabilities.report_status_v2 = true,
                b"side-band-64k" => capabilities.side_band_64k = true,
                b"quiet" => capabilities.quiet = true,
                b"atomic" => capabilities.atomic = true,
                b"delete-refs" => capabilities.delete_refs = true,
                b"ofs-delta" => capabilities.ofs_delta = true,
                b"push-options" => capabilities.push_options = true,
                b"object-format" => {
                    object_format.get_or_insert(value.unwrap_or_default());
                }
                b"agent" => keep_first(&mut capabilities.agent, value),
                b"session-id" => keep_first(&mut capabilities.session_id, value),
                _ => capabilities.unknown.push(whole.into()),
            }
        }
        if let Some(name) = object_format {
            capabilities.object_format =
                ObjectFormat::from_name(name).ok_or(HeadError::UnsupportedObjectFormat)?;
        }
        Ok(capabilities)
    }
}

fn keep_first(slot: &mut Option<BString>, value: Option<&[u8]>) {
    slot.get_or_insert_with(|| value.unwrap_or_default().into());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_sends_is_understood() {
        let list = b" report-status-v2 side-band-64k quiet atomic push-options \
            object-format=sha256 agent=git/2.47.3";
        assert_eq!(
            Capabilities::parse(list),
            Ok(Capabilities {
                report_status_v2: true,
                side_band_64k: true,
                quiet: true,
                atomic: true,
                push_options: true,
                object_format: ObjectFormat::Sha256,
                agent: Some("git/2.47.3".into()),
                ..Capabilities::default()
            })
        );
    }

    #[test]
    fn unknown_capabilities_are_kept_and_the_first_value_counts() {
        let parsed = Capabilities::parse(b"foo agent=a foo=bar agent=b=c session-id=x\0quiet");
        let parsed = parsed.expect("well-formed");
        assert_eq!(parsed.unknown, ["foo", "foo=bar"]);
        assert_eq!(parsed.agent, Some("a".into()));
        assert_eq!(parsed.session_id, Some("x".into()));
        assert!(!parsed.quiet);
        assert_eq!(parsed.object_format, ObjectFormat::Sha1);
    }

    #[test]
    fn names_match_whole_words_only() {
        let parsed = Capabilities::parse(b"report-status-v22 xatomic push-options=1").unwrap();
        assert_eq!(parsed.unknown, ["report-status-v22", "xatomic"]);
        assert!(parsed.push_options);
        assert!(!parsed.report_status && !parsed.report_status_v2 && !parsed.atomic);
    }

    #[test]
    fn an_object_format_git_does_not_have_is_refused() {
        for list in [&b"object-format=md5"[..], b"object-format=", b"object-format"] {
            assert_eq!(Capabilities::parse(list), Err(HeadError::UnsupportedObjectFormat));
        }
    }
}
