//! A Python with packages from PyPI, in an environment of its own below `target/`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::command;

/// A git client of another make; the version is part of the environment's name.
const DULWICH: &str = "dulwich==1.2.21";

/// Returns the interpreter of an environment in which dulwich is installed.
#[must_use]
pub fn dulwich() -> &'static Path {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(|| {
        let own = std::env::current_exe().expect("the path of this test");
        let target = own.ancestors().find(|path| path.join("CACHEDIR.TAG").is_file());
        let target = target.expect("cargo's target directory");
        let home = target.join("e2e-python").join(DULWICH.replace("==", "-"));
        let (python, ready) = (home.join("bin/python3"), home.join("ready"));
        if !ready.is_file() {
            let _ = fs::remove_dir_all(&home);
            let mut venv = Command::new("python3");
            let _ = command::run(venv.args(["-m", "venv"]).arg(&home), b"").succeeded();
            let mut pip = Command::new(&python);
            pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", DULWICH]);
            let _ = command::run(&mut pip, b"").succeeded();
            fs::write(&ready, "").expect("a mark in the environment");
        }
        python
    })
}
