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

/// Where git itself looks for the format of a repository; of what they include it takes none from there.
const FORMAT: [&[u8]; 2] = [b"file:config", b"file:config.worktree"];

/// Writes out what `git config -z --list --show-origin` has printed, for a directory from which the
/// repository is at `repository`.
pub(super) fn written(output: &[u8], repository: &str) -> Vec<u8> {
    let mut file = Vec::with_capacity(2 * output.len());
    let mut parts = output.split(|byte| *byte == 0);
    while let (Some(origin), Some(entry)) = (parts.next(), parts.next()) {
        let mut halves = entry.splitn(2, |byte| *byte == b'\n');
        let (key, value) = (halves.next().unwrap_or_default(), halves.next());
        if let Some(key) = Key::split(key)
            && key.counts(origin)
        {
            key.write(value, repository, &mut file);
        }
    }
    file.extend_from_slice(BEHIND);
    file
}

/// The name of a setting, with its section and its name in lower case.
struct Key<'a> {
    section: &'a [u8],
    /// May have dots, and anything else.
    subsection: Option<&'a [u8]>,
    name: &'a [u8],
}

impl<'a> Key<'a> {
    /// None for one that stands before all sections, which git passes over.
    fn split(key: &'a [u8]) -> Option<Self> {
        let first = key.iter().position(|byte| *byte == b'.')?;
        let last = key.iter().rposition(|byte| *byte == b'.')?;
        let subsection = (first < last).then(|| &key[first + 1..last]);
        let (section, name) = (&key[..first], &key[last + 1..]);
        (!section.is_empty() && !name.is_empty()).then_some(Self { section, subsection, name })
    }

    fn is(&self, section: &str, subsection: Option<&str>, name: &str) -> bool {
        self.section == section.as_bytes()
            && self.subsection == subsection.map(str::as_bytes)
            && self.name == name.as_bytes()
    }

    /// Whether it is one that says something here.
    fn counts(&self, origin: &[u8]) -> bool {
        match self.section {
            // What they include follows them.
            b"include" | b"includeif" => false,
            // Programs, from git 2.54 on.
            b"hook" => false,
            b"extensions" => FORMAT.contains(&origin),
            b"core" if self.name == b"repositoryformatversion" => FORMAT.contains(&origin),
            _ => true,
        }
    }

    fn write(&self, value: Option<&[u8]>, repository: &str, file: &mut Vec<u8>) {
        file.push(b'[');
        file.extend_from_slice(self.section);
        if let Some(subsection) = self.subsection {
            file.push(b' ');
            quote(subsection, file);
        }
        file.extend_from_slice(b"]\n\t");
        file.extend_from_slice(self.name);
        if let Some(value) = value {
            // A path that need not lead anywhere, from git 2.52 on.
            const OPTIONAL: &[u8] = b":(optional)";
            let (path, is_relative) = if self.is("core", None, "worktree") {
                (value, !value.starts_with(b"/"))
            } else {
                let path = value.strip_prefix(OPTIONAL).unwrap_or(value);
                // Not of somebody's home, or of where git is installed.
                let is_relative = !matches!(path.first(), None | Some(b'/' | b'~' | b'%'));
                (path, is_relative && self.is("receive", Some("fsck"), "skiplist"))
            };
            file.extend_from_slice(b" = ");
            if is_relative {
                let before = &value[..value.len() - path.len()];
                quote(&[before, repository.as_bytes(), b"/", path].concat(), file);
            } else {
                quote(value, file);
            }
        }
        file.push(b'\n');
    }
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

    const OWN: &str = "file:config";

    #[test]
    fn what_is_written_is_what_was_printed() {
        let entries = [
            (OWN, "core.bare\ntrue"),
            (OWN, "http.https://a.b/\"c\\d.proxy\n # ;x \ntwo"),
            (OWN, "remote.o.mirror"),
            (OWN, "include.path\nmore"),
            ("file:more", "core.repositoryformatversion\n1"),
            ("file:more", "extensions.x\ny"),
            (OWN, "extensions.objectformat\nsha256"),
            (OWN, "includeif.gitdir:/srv/.path\nmore"),
            (OWN, "hook.x.command\nfalse"),
            (OWN, "x\n1"),
            (OWN, "core.worktree\n../site"),
            (OWN, "receive.fsck.skiplist\nskip"),
            (OWN, "receive.fsck.skiplist\n/skip"),
            (OWN, "receive.fsck.skiplist\n:(optional)skip"),
        ];
        let printed = entries.map(|(origin, entry)| format!("{origin}\0{entry}\0")).concat();
        let file = written(printed.as_bytes(), "../..");
        let ours = file.strip_suffix(BEHIND).unwrap();
        let expected = "[core]\n\tbare = \"true\"\n\
            [http \"https://a.b/\\\"c\\\\d\"]\n\tproxy = \" # ;x \\ntwo\"\n\
            [remote \"o\"]\n\tmirror\n\
            [extensions]\n\tobjectformat = \"sha256\"\n\
            [core]\n\tworktree = \"../../../site\"\n\
            [receive \"fsck\"]\n\tskiplist = \"../../skip\"\n\
            [receive \"fsck\"]\n\tskiplist = \"/skip\"\n\
            [receive \"fsck\"]\n\tskiplist = \":(optional)../../skip\"\n";
        assert_eq!(String::from_utf8_lossy(ours), expected);
    }
}
