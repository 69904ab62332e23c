//! A repository's settings, beside what `git config` makes of them.

mod support;

use gitwasi_engine::repository::{Config, Setting};
use gitwasi_engine::storage::native::block_on;
use support::Lab;

#[test]
fn booleans_are_read_as_git_reads_them() {
    let lab = Lab::new();
    lab.git("", &["init", "-q", "--bare", "a.git"]);
    let path = lab.path("a.git/config");
    let plain = std::fs::read_to_string(&path).expect("a configuration");
    for line in [
        "receivepack",
        "receivepack =",
        "receivepack = \"\"",
        "receivepack = true",
        "receivepack = Yes",
        "receivepack = ON",
        "receivepack = 1",
        "receivepack = 17",
        "receivepack = -3",
        "receivepack = 0x1f",
        "receivepack = 010",
        "receivepack = 2k",
        "receivepack = 1G",
        "receivepack = 4G",
        "receivepack = 99999999999",
        "receivepack = 0",
        "receivepack = 0x0",
        "receivepack = False",
        "receivepack = no",
        "receivepack = off",
        "receivepack = o",
        "receivepack = \" 1\"",
        "receivepack = \"1 \"",
        "receivepack = t",
        "receivepack = true ; a comment",
        "receivepack = \"tr\\\n  ue\"",
        "receivepack = 09",
        "receivepack = false\nreceivepack = true",
        "receivepack = true\nreceivepack = false",
        "receivepack = false\nreceivepack",
        "receivepack\nreceivepack = 0",
        "RECEIVEPACK = 1",
        "receivepack = 1.0",
        "receivepack = 0b1",
        "receivepack = +1",
        "receivepack = --1",
        "receivepack = tru\\\ne",
        "other = true",
    ] {
        support::write(&path, format!("{plain}[http]\n{line}\n").as_bytes());
        let git = lab.git_with("a.git", &["config", "--type=bool", "http.receivepack"], b"", &[]);
        let expected = match (git.status.code(), String::from_utf8_lossy(&git.stdout).trim()) {
            (Some(0), "true") => Some(Setting::Enabled),
            (Some(0), "false") => Some(Setting::Disabled),
            (Some(1), _) => Some(Setting::Unset),
            _ => None,
        };
        let content = std::fs::read(&path).expect("a configuration");
        let ours = Config::parse(&content).ok().map(|config| config.http.receive_pack);
        assert_eq!(ours, expected, "{line}");
    }
}

#[test]
fn a_change_of_either_configuration_is_noticed() {
    let lab = Lab::new();
    lab.git("", &["init", "-q", "--bare", "a.git"]);
    let engine = lab.engine();
    let setting = || block_on(engine.open("a.git")).expect("a repository").settings().upload_pack;
    assert_eq!(setting(), Setting::Unset);
    lab.git("a.git", &["config", "http.uploadpack", "false"]);
    assert_eq!(setting(), Setting::Disabled);
    lab.git("a.git", &["config", "core.repositoryFormatVersion", "1"]);
    lab.git("a.git", &["config", "extensions.worktreeConfig", "true"]);
    assert_eq!(setting(), Setting::Disabled);
    for (value, expected) in [("true", Setting::Enabled), ("false", Setting::Disabled)] {
        let text = format!("[http]\nuploadpack = {value}\n");
        support::write(&lab.path("a.git/config.worktree"), text.as_bytes());
        assert_eq!(setting(), expected);
    }
}
