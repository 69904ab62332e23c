//! Finds the program under test, and sees to it that it is not yesterday's.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::command;

/// Returns the `gitwasi` program: `GITWASI_BIN`, or the one that cargo builds beside the tests.
///
/// # Panics
/// When it cannot be built.
#[must_use]
pub fn gitwasi() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| match std::env::var_os("GITWASI_BIN") {
        Some(path) => {
            let path = PathBuf::from(path);
            assert!(path.is_file(), "GITWASI_BIN names no file: {}", path.display());
            path
        }
        None => build(),
    })
}

fn build() -> PathBuf {
    // target/<profile>/deps/<this test>, or target/<profile>/<this program>
    let own = std::env::current_exe().expect("the path of this test");
    let profile = own
        .ancestors()
        .skip(1)
        .find(|directory| !directory.ends_with("deps"))
        .expect("the directory of the profile");
    let target = profile.parent().expect("the target directory");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // What `cargo test` set for this process would look like a change to build scripts.
    for (variable, _) in std::env::vars_os() {
        let variable = variable.to_string_lossy();
        if variable.starts_with("CARGO_PKG_") || variable.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&*variable);
        }
    }
    cargo.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    // The README's commands, and not `--package gitwasi`: that selects fewer features, and
    // everything large would be compiled once more.
    match profile.file_name().and_then(|name| name.to_str()) {
        Some("release") => cargo.args(["build", "--release", "--bin", "gitwasi"]),
        _ => cargo.args(["test", "--no-run", "--quiet"]),
    };
    cargo.arg("--target-dir").arg(target);
    let shown = command::show(&cargo);
    let status = cargo.status().unwrap_or_else(|error| panic!("{shown}: {error}"));
    assert!(status.success(), "{shown}: {status}");
    profile.join("gitwasi")
}
