//! Hidden refs.
//!
//! Spec: git-config(1), "transfer.hideRefs"

use bstr::{BStr, BString};

/// Whether `patterns` hide the ref: the last one that matches decides.
pub fn is_hidden(name: &BStr, patterns: &[BString]) -> bool {
    for pattern in patterns.iter().rev() {
        let pattern: &[u8] = pattern;
        let (negated, pattern) = match pattern {
            [b'!', pattern @ ..] => (true, pattern),
            pattern => (false, pattern),
        };
        // `^` asks for the name before namespaces are removed; there are none here.
        let pattern = pattern.strip_prefix(b"^").unwrap_or(pattern);
        if let Some(rest) = name.strip_prefix(pattern)
            && (rest.is_empty() || rest.starts_with(b"/"))
        {
            return !negated;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_match_decides_and_only_whole_components_match() {
        let patterns = ["refs/a".into(), "!refs/a/b".into(), "^refs/c".into()];
        let hidden = |name: &str| is_hidden(name.into(), &patterns);
        assert!(hidden("refs/a") && hidden("refs/a/x") && hidden("refs/c/d"));
        assert!(!hidden("refs/a/b") && !hidden("refs/a/b/c") && !hidden("refs/ab"));
    }
}
