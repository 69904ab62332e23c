//! Git repositories and packs in pure Rust. No HTTP, no process.
