//! `--help` and `--version`.

use crate::gitwasi;

#[test]
fn help_names_every_option_and_fits_a_terminal() {
    let outcome = gitwasi(["--help"], "").succeeded();
    let text = outcome.text();
    for option in [
        "--listen",
        "--base-path",
        "--allow-push",
        "--allow-create",
        "--access-file",
        "--backend",
        "--git",
        "--config",
        "--log-format",
        "--hooks",
        "--sandbox",
        "--require-export-ok",
        "--namespace",
        "--user-header",
        "--trusted-proxy",
        "--fallback",
        "--webhook",
        "--webhook-secret-file",
        "--webhook-queue",
        "--max-requests",
        "--max-request-bytes",
        "--max-connections",
        "--max-processes",
        "--shutdown-grace",
        "init",
        "passwd",
        "doctor",
    ] {
        assert!(text.contains(option), "{option} is not in\n{text}");
    }
    let wide: Vec<_> = text.lines().filter(|line| line.chars().count() > 100).collect();
    assert!(wide.is_empty(), "{wide:?}");
}

#[test]
fn subcommands_have_help() {
    for subcommand in ["init", "passwd", "doctor"] {
        let text = gitwasi([subcommand, "--help"], "").succeeded().text();
        assert!(text.contains("Usage"), "{text}");
    }
}

#[test]
fn version_is_printed() {
    let text = gitwasi(["--version"], "").succeeded().text();
    assert!(text.starts_with("gitwasi"), "{text}");
}
