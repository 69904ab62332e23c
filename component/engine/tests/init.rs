//! Repositories made by the engine, beside those that the installed git makes.

mod support;

use gitwasi_engine::init::{InitOptions, init_bare};
use gitwasi_engine::storage::native::{NativeStorage, block_on};
use gitwasi_engine::{Engine, Limits};
use gitwasi_wire::ObjectFormat;
use support::faulty::{Fault, Faulty};
use support::receive::{Case, Push, ZERO, files};
use support::{Lab, write};

#[test]
fn a_repository_is_as_git_makes_it() {
    for (object_format, name) in [(ObjectFormat::Sha1, "sha1"), (ObjectFormat::Sha256, "sha256")] {
        let lab = Lab::new();
        let options = InitOptions { object_format, initial_branch: "trunk".into() };
        assert!(block_on(init_bare(&lab.engine(), "a/b/ours.git", &options)).expect("made"));
        // Again changes nothing.
        let before = files(&lab.path("a/b/ours.git"));
        assert!(!block_on(init_bare(&lab.engine(), "a/b/ours.git", &options)).expect("there"));
        assert_eq!(files(&lab.path("a/b/ours.git")), before);

        let format = format!("--object-format={name}");
        lab.git("", &["init", "-q", "--bare", "-b", "trunk", &format, "gits.git"]);
        let gits = files(&lab.path("gits.git"));
        let template = |name: &str| name.ends_with(".sample") || name.starts_with("branches");
        for (file, content) in &gits {
            if !template(file) {
                assert_eq!(before.get(file), Some(content), "{name}: {file}");
            }
        }
        assert!(before.keys().all(|file| gits.contains_key(file)));
        lab.fsck("a/b/ours.git");
        assert_eq!(lab.git("a/b/ours.git", &["symbolic-ref", "HEAD"]), "refs/heads/trunk");
    }
}

#[test]
fn branches_that_git_would_not_take_are_refused() {
    let lab = Lab::new();
    for branch in ["", "a..b", "a b", "-x/../y", "x.lock"] {
        let options = InitOptions { initial_branch: branch.into(), ..InitOptions::default() };
        assert!(block_on(init_bare(&lab.engine(), "a.git", &options)).is_err(), "{branch}");
    }
    assert!(files(lab.dir.path()).is_empty());
}

#[test]
fn one_that_was_cut_off_is_none_and_can_be_finished() {
    let lab = Lab::new();
    let options = InitOptions::default();
    for number in 0.. {
        _ = std::fs::remove_dir_all(lab.path("a.git"));
        let storage = Faulty::new(NativeStorage::new(lab.dir.path()), Fault::Dies, number);
        let engine = Engine::new(storage.clone(), Limits::default());
        let made = block_on(init_bare(&engine, "a.git", &options)).is_ok();
        if let Ok(repository) = block_on(lab.engine().open("a.git")) {
            assert_eq!(repository.object_format(), ObjectFormat::Sha1);
            lab.fsck("a.git");
        } else {
            assert!(!made);
        }
        if !storage.struck() {
            break;
        }
        block_on(init_bare(&lab.engine(), "a.git", &options)).expect("finished");
        lab.fsck("a.git");
        assert_eq!(lab.git("a.git", &["config", "core.bare"]), "true");
    }
}

#[test]
fn a_new_repository_is_pushed_to() {
    let case = Case::new(&[]);
    let lab = &case.lab;
    block_on(init_bare(&lab.engine(), "new.git", &InitOptions::default())).expect("made");
    let push = Push::new("").update(ZERO, &case.c, "refs/heads/main");
    let push = push.pack(lab, "work", &[&case.c]);
    let report = lab.engine_receives("new.git", &push.bytes()).report;
    assert_eq!(report, "unpack ok\nok refs/heads/main\n");
    lab.git("", &["clone", "-q", "new.git", "copy"]);
    write(&lab.path("copy/more"), b"more");
}
