//! `gitwasi doctor`: what is enforced on this kernel.

use crate::gitwasi;

#[test]
fn names_the_git_and_every_part_of_the_sandbox() {
    let text = gitwasi(["doctor"], "").succeeded().text().to_lowercase();
    for word in ["git", "landlock", "seccomp"] {
        assert!(text.contains(word), "{word} is not in\n{text}");
    }
}
