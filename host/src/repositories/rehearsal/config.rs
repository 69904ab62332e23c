//! The configuration of a scratch git directory: all of the repository's, written out.
//!
//! Not a copy of the file, of which some means something else in another directory.
//!
//! Spec: git-config(1), "Syntax"

/// What stands behind the repository's settings. Nothing in a scratch place has to outlive the request.
const BEHIND: &[u8] = b"[core]
\tfsync = none
\tlogAllRefUpdates = false
[receive]
\tautogc = false
\tupdateServerInfo = false
";

/// Writes out what `git config -z --list` has printed, for a directory from which the repository is
/// at `repository`.
pub(super) fn written(entries: &[u8], repository: &str) -> Vec<u8> {
    let mut file = Vec::with_capacity(2 * entries.len());
    for entry in entries.split(|byte| *byte == 0).filter(|entry| !entry.is_empty()) {
        let mut parts = entry.splitn(2, |byte| *byte == b'\n');
        let (key, value) = (parts.next().unwrap_or_default(), parts.next());
        // A subsection may have dots, and is all that may have anything else.
        let mut ends = key.splitn(2, |byte| *byte == b'.');
        let (section, rest) = (ends.next().unwrap_or_default(), ends.next().unwrap_or_default());
        let mut ends = rest.rsplitn(2, |byte| *byte == b'.');
        let (name, subsection) = (ends.next().unwrap_or_default(), ends.next());
        // What they include follows them.
        if matches!(section, b"include" | b"includeif") && name == b"path" {
            continue;
        }
        file.push(b'[');
        file.extend_from_slice(section);
        if let Some(subsection) = subsection {
            file.push(b' ');
            quote(subsection, &mut file);
        }
        file.extend_from_slice(b"]\n\t");
        file.extend_from_slice(name);
        if let Some(value) = value {
            file.extend_from_slice(b" = ");
            let is_relative = !value.starts_with(b"/") && !value.starts_with(b"~");
            if key == b"receive.fsck.skiplist" && is_relative {
                quote(&[repository.as_bytes(), b"/", value].concat(), &mut file);
            } else {
                quote(value, &mut file);
            }
        }
        file.push(b'\n');
    }
    file.extend_from_slice(BEHIND);
    file
}

fn quote(value: &[u8], file: &mut Vec<u8>) {
    file.push(b'"');
    for byte in value {
        match byte {
            b'"' | b'\\' => file.extend_from_slice(&[b'\\', *byte]),
            b'\n' => file.extend_from_slice(b"\\n"),
            byte => file.push(*byte),
        }
    }
    file.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_was_printed() {
        let entries =
            b"core.bare\ntrue\0http.https://a.b/\"c\\d.proxy\n # ;x \ntwo\0remote.o.mirror\0\
            include.path\nmore\0includeif.gitdir:/srv/.path\nmore\0receive.fsck.skiplist\nskip\0\
            receive.fsck.skiplist\n/skip\0";
        let file = written(entries, "../..");
        let ours = file.strip_suffix(BEHIND).unwrap();
        let expected = "[core]\n\tbare = \"true\"\n\
            [http \"https://a.b/\\\"c\\\\d\"]\n\tproxy = \" # ;x \\ntwo\"\n\
            [remote \"o\"]\n\tmirror\n\
            [receive \"fsck\"]\n\tskiplist = \"../../skip\"\n\
            [receive \"fsck\"]\n\tskiplist = \"/skip\"\n";
        assert_eq!(String::from_utf8_lossy(ours), expected);
    }
}
