//! Patterns over repository names.
//!
//! A repository has two names, with and without `.git`, and clients use both; a pattern matches a
//! repository if it matches either. Case matters.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

/// A list of patterns, in the order of the file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Patterns(GlobSet);

/// Why a pattern is none. The text has no line number.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PatternError {
    #[error(
        "a repository pattern must not start or end with \"/\", nor have an empty, \".\" or \"..\" \
         component"
    )]
    Form,
    #[error("invalid repository pattern: {0}")]
    Glob(String),
    #[error("the repository patterns are too large together")]
    TooLarge,
}

impl Patterns {
    /// Compiles patterns; on failure tells which one is at fault.
    pub(crate) fn compile(patterns: &[&str]) -> Result<Self, (usize, PatternError)> {
        let mut set = GlobSetBuilder::new();
        for (index, pattern) in patterns.iter().enumerate() {
            // One that can never match would be a restriction that silently does not hold.
            if !is_repository_name(pattern) {
                return Err((index, PatternError::Form));
            }
            let pattern = pattern.strip_suffix("/.git").unwrap_or(pattern);
            let pattern = pattern
                .strip_suffix(".git")
                .filter(|rest| ends_a_name(rest) && !rest.ends_with('\\'))
                .unwrap_or(pattern);
            let glob = GlobBuilder::new(pattern)
                .literal_separator(true)
                .build()
                .map_err(|error| (index, PatternError::Glob(error.kind().to_string())))?;
            set.add(glob);
        }
        set.build().map(Self).map_err(|_| (0, PatternError::TooLarge))
    }

    /// Whether any pattern matches the repository.
    pub(crate) fn matches(&self, repository: &Repository<'_>) -> bool {
        self.0.is_match(repository.bare) || self.0.is_match(&repository.suffixed)
    }

    /// The indexes of all patterns that match the repository, ascending.
    pub(crate) fn matching(&self, repository: &Repository<'_>) -> Vec<usize> {
        let mut indexes = self.0.matches(repository.bare);
        indexes.extend(self.0.matches(&repository.suffixed));
        indexes.sort_unstable();
        indexes.dedup();
        indexes
    }
}

/// A repository's two names.
pub(crate) struct Repository<'a> {
    bare: &'a str,
    suffixed: String,
}

impl<'a> Repository<'a> {
    /// Takes one trailing `/.git` and then one trailing `.git` off a name; `None` if it is not a
    /// name of the contract, which could slip past a restriction.
    pub(crate) fn named(name: &'a str) -> Option<Self> {
        if !is_repository_name(name) {
            return None;
        }
        let bare = name.strip_suffix("/.git").unwrap_or(name);
        let bare = bare.strip_suffix(".git").filter(ends_a_name).unwrap_or(bare);
        Some(Self { bare, suffixed: format!("{bare}.git") })
    }
}

/// Whether something is left of a last component whose `.git` was taken off.
fn ends_a_name(rest: &&str) -> bool {
    !rest.is_empty() && !rest.ends_with('/')
}

fn is_repository_name(name: &str) -> bool {
    name.split('/').all(|component| !matches!(component, "" | "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::{Patterns, Repository};

    fn matches(pattern: &str, name: &str) -> bool {
        Patterns::compile(&[pattern]).unwrap().matches(&Repository::named(name).unwrap())
    }

    #[test]
    fn patterns_match_as_documented() {
        let table = [
            ("team/app", "team/app", true),
            ("team/app", "team/App", false),
            ("team/app", "team/app/sub", false),
            ("team/app", "x/team/app", false),
            ("team/*", "team/app", true),
            ("team/*", "team/app/sub", false),
            ("team/*", "team", false),
            ("*", "app", true),
            ("*", "team/app", false),
            ("**", "team/app/sub", true),
            ("alice/**", "alice/a", true),
            ("alice/**", "alice/a/b", true),
            ("alice/**", "alice", false),
            ("alice/**", "alicette/a", false),
            ("**/app", "app", true),
            ("**/app", "a/b/app", true),
            ("a/**/z", "a/z", true),
            ("a/**/z", "a/b/c/z", true),
            ("a?c", "abc", true),
            ("a?c", "a/c", false),
            ("[ab]pp", "bpp", true),
            ("{one,two}/x", "two/x", true),
            ("team/*", "team/.hidden", true),
        ];
        for (pattern, name, expected) in table {
            assert_eq!(matches(pattern, name), expected, "{pattern} on {name}");
        }
    }

    #[test]
    fn git_suffix_makes_no_difference() {
        for pattern in ["team/app", "team/app.git", "team/app/.git", "team/app.git/.git"] {
            for name in ["team/app", "team/app.git", "team/app/.git", "team/app.git/.git"] {
                assert!(matches(pattern, name), "{pattern} on {name}");
            }
            assert!(!matches(pattern, "team/apps.git"), "{pattern}");
            assert!(!matches(pattern, "team/app.gitx"), "{pattern}");
        }
        assert!(matches("team/*.git", "team/app"));
        assert!(matches("{app,lib}.git", "lib"));
        assert!(matches("{app.git,lib.git}", "lib"));
        assert!(matches("foo.github.io", "foo.github.io.git"));
        assert!(!matches("team/*", "team/app/x.git"));
        // A depth of three is not reached by spelling a repository of depth two with `/.git`.
        assert!(!matches("team/*/*", "team/app/.git"));
        // Only one suffix is taken off.
        assert!(!matches("team/app", "team/app.git.git"));
        assert!(matches(".git", ".git"));
        assert!(!matches("team/app", "team/.git"));
    }

    #[test]
    fn names_outside_the_contract_are_none() {
        for name in ["", "/", "/a", "a/", "a//b", "./a", "a/..", "..", "a/./b"] {
            assert!(Repository::named(name).is_none(), "{name}");
            assert!(Patterns::compile(&[name]).is_err(), "{name}");
        }
    }

    #[test]
    fn the_faulty_pattern_is_told() {
        assert_eq!(Patterns::compile(&["a", "[b"]).unwrap_err().0, 1);
        assert_eq!(Patterns::compile(&["a", "b", "/c"]).unwrap_err().0, 2);
    }

    #[test]
    fn all_matching_patterns_are_told_in_order() {
        let patterns = Patterns::compile(&["**", "b", "a.git", "*"]).unwrap();
        assert_eq!(patterns.matching(&Repository::named("a").unwrap()), [0, 2, 3]);
    }
}
