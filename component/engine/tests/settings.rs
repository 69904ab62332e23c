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

/// What `git config` and the engine make of a setting of one repository.
fn same_setting(lab: &Lab, name: &str, at: &str) -> Option<Setting> {
    let git = lab.git_with(name, &["config", "--type=bool", "http.uploadpack"], b"", &[]);
    let expected = match (git.status.code(), String::from_utf8_lossy(&git.stdout).trim()) {
        (Some(0), "true") => Some(Setting::Enabled),
        (Some(0), "false") => Some(Setting::Disabled),
        (Some(1), _) => Some(Setting::Unset),
        _ => None,
    };
    let ours = block_on(lab.engine().open(name)).ok();
    let ours = ours.map(|repository| repository.settings().upload_pack);
    assert_eq!(ours, expected, "{at}");
    ours
}

#[test]
fn what_is_included_counts_in_its_place() {
    for ref_format in ["files", "reftable"] {
        let lab = Lab::new();
        let format = format!("--ref-format={ref_format}");
        lab.git("", &["init", "-q", "--bare", "-b", "side/x", &format, "a.git"]);
        let file = |name: &str, text: &str| {
            let path = lab.path("a.git").join(name);
            std::fs::create_dir_all(path.parent().expect("a directory")).expect("made");
            support::write(&path, text.as_bytes());
        };
        file("on", "[http]\nuploadpack = true\n");
        file("more/off", "[http]\nuploadpack = false\n");
        file("more/both", "[include]\npath = off\npath = ./nope\n[include]\npath=deep/on\n");
        file("more/deep/on", "[http]\nuploadpack = true\n");
        file("self", "[include]\npath = self\n");
        file("bad", "[http\n");
        let plain = std::fs::read_to_string(lab.path("a.git/config")).expect("a configuration");
        let mut seen = std::collections::BTreeSet::new();
        for text in [
            "[include]\npath = on\n",
            "[include]\npath = on\n[http]\nuploadpack = false\n",
            "[http]\nuploadpack = false\n[Include]\nPATH = on\n",
            "[include]\npath = on\npath = more/off\n",
            "[include]\npath = more/both\n",
            "[include]\npath = nope\n",
            "[include]\npath = bad\n",
            "[include]\npath = self\n",
            "[includeIf \"onbranch:side/x\"]\npath = on\n",
            "[includeIf \"onbranch:side/\"]\npath = on\n",
            "[includeIf \"onbranch:side/*\"]\npath = on\n",
            "[includeIf \"onbranch:*\"]\npath = on\n",
            "[includeIf \"onbranch:**\"]\npath = on\n",
            "[includeIf \"onbranch:main\"]\npath = on\n",
            "[includeIf \"nobody:knows\"]\npath = on\n",
        ] {
            file("config", &format!("{plain}{text}"));
            seen.insert(format!("{:?}", same_setting(&lab, "a.git", text)));
        }
        assert_eq!(seen.len(), 4, "{seen:?}");
        // A change of what is included is noticed at once.
        file("config", &format!("{plain}[include]\npath = on\n"));
        let engine = lab.engine();
        let setting = || block_on(engine.open("a.git")).expect("it opens").settings().upload_pack;
        assert_eq!(setting(), Setting::Enabled);
        file("on", "[http]\nuploadpack = false\n");
        assert_eq!(setting(), Setting::Disabled);
    }
}

#[test]
fn what_is_included_from_elsewhere_is_not_passed_over() {
    let lab = Lab::new();
    lab.git("", &["init", "-q", "--bare", "a.git"]);
    support::write(&lab.path("outside"), b"[http]\nuploadpack = false\n");
    let plain = std::fs::read_to_string(lab.path("a.git/config")).expect("a configuration");
    let absolute = lab.path("outside").display().to_string();
    let many = "path = nope\n".repeat(200);
    for text in [
        "[include]\npath = ../outside\n",
        "[include]\npath = objects/../../outside\n",
        "[include]\npath = ~/outside\n",
        "[include]\npath\n",
        "[includeIf \"gitdir:/\"]\npath = x\n",
        "[includeIf \"hasconfig:remote.*.url:x\"]\npath = x\n",
        &format!("[include]\npath = {absolute}\n"),
        &format!("[include]\n{many}"),
    ] {
        support::write(&lab.path("a.git/config"), format!("{plain}{text}").as_bytes());
        assert!(block_on(lab.engine().open("a.git")).is_err(), "{text}");
    }
}
