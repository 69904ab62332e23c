//! `gitwasi doctor`: what is enforced on this kernel.

use e2e::World;

use crate::gitwasi;
use crate::start::without_landlock;

/// What stands behind `name` in the report: whether it is enforced, and why.
fn row(text: &str, name: &str) -> String {
    let mut rows = text.lines().filter_map(|line| line.strip_prefix(name));
    rows.next().unwrap_or_else(|| panic!("no {name} in {text}")).trim().to_owned()
}

#[test]
fn tells_what_of_the_sandbox_is_enforced() {
    let text = gitwasi(["doctor"], "").succeeded().text();
    for name in ["landlock", "seccomp", "no-new-privs", "rlimits", "git"] {
        assert!(row(&text, name).starts_with("yes"), "{text}");
    }
    let version = World::default().git().run(["version"]);
    assert!(row(&text, "git").contains(version.trim_start_matches("git version ")), "{text}");
    assert!(row(&text, "hooks").starts_with("no"), "{text}");
}

#[test]
fn tells_what_this_kernel_cannot_enforce() {
    let mut command = without_landlock();
    let text = e2e::command::run(command.arg("doctor"), b"").succeeded().text();
    assert!(row(&text, "landlock").starts_with("no"), "{text}");
    assert!(row(&text, "seccomp").starts_with("yes"), "{text}");
}
