//! What a git that has been taken over cannot do.
//!
//! This program is both sides: run by cargo it makes a policy with itself as git; run as that git
//! it tries everything in `attempts`, and prints how each attempt went.

#[cfg(target_os = "linux")]
mod attempts;
#[cfg(target_os = "linux")]
#[path = "../fixture/mod.rs"]
mod fixture;
#[cfg(target_os = "linux")]
mod outcomes;

#[cfg(target_os = "linux")]
fn main() {
    let as_git = std::env::args().next().is_some_and(|name| name == "git");
    match std::env::args().nth(1).as_deref() {
        Some("--version") => println!("git version 2.47.0"),
        Some("--exec-path") => println!("{}", attempts::own_folder().display()),
        _ if as_git => attempts::all(),
        _ => outcomes::check_all(),
    }
}

#[cfg(not(target_os = "linux"))]
fn main() {}
