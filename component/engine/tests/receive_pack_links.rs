//! Packs of which it is known, without a walk, whether all that their objects name is there.

mod support;

use gitwasi_engine::Error;
use gitwasi_engine::index_pack::Options;
use support::Lab;
use support::push::keep;
use support::receive::{Push, ZERO, serve_raw};

const UNFSCKED: Options = Options {
    fsck: None,
    fix_thin: true,
    max_input_size: None,
    unpack_limit: 0,
    reverse_index: true,
};

/// A history with tags, and the oids and names of its objects.
fn history(lab: &Lab, init: &[&str]) -> Vec<String> {
    lab.history("work.git", 60, init);
    lab.git("work.git", &["tag", "-a", "-m", "one", "one", "main"]);
    lab.git("work.git", &["tag", "-a", "-m", "two", "two", "one"]);
    let mut empty = vec!["init", "-q", "--bare", "-b", "main", "empty.git"];
    empty.extend(init);
    lab.git("", &empty);
    // With fsck git finds what is missing earlier, and blames the pack.
    lab.git("empty.git", &["config", "receive.fsckObjects", "false"]);
    let listed = lab.git("work.git", &["rev-list", "--objects", "main", "two"]);
    listed.lines().map(str::to_owned).collect()
}

fn pack<'o>(lab: &Lab, objects: impl Iterator<Item = &'o String>) -> Vec<u8> {
    let input: String = objects.flat_map(|line| [line.as_str(), "\n"]).collect();
    let args = ["pack-objects", "--stdout", "-q", "--window=50"];
    lab.git_with("work.git", &args, input.as_bytes(), &[]).stdout
}

#[test]
fn a_whole_pack_needs_no_walk() {
    for format in ["sha1", "sha256"] {
        let lab = Lab::new();
        let init = format!("--object-format={format}");
        let objects = history(&lab, &[&init]);
        let whole = pack(&lab, objects.iter());
        for options in [keep(), UNFSCKED] {
            assert!(lab.take("empty.git", &whole, &options).received().objects.is_closed());
        }
        // Of a few objects nothing is noted: they are walked to at once.
        let few = Options { unpack_limit: u32::MAX, ..keep() };
        assert!(!lab.take("empty.git", &whole, &few).received().objects.is_closed());
    }
}

#[test]
fn a_thin_pack_is_not_whole() {
    let lab = Lab::new();
    history(&lab, &[]);
    let (some, rest) = (lab.pack("work.git", &[], "main~20\n"), "main\n^main~20\n");
    lab.git_with("empty.git", &["index-pack", "--stdin"], &some, &[]);
    for args in [&["--thin", "--window=50"][..], &[]] {
        let taken = lab.take("empty.git", &lab.pack("work.git", args, rest), &keep());
        assert!(!taken.received().objects.is_closed());
    }
}

#[test]
fn every_hole_is_found() {
    let lab = Lab::new();
    let objects = history(&lab, &[]);
    let (main, tag) =
        (lab.git("work.git", &["rev-parse", "main"]), lab.git("work.git", &["rev-parse", "two"]));
    let tips = [main.as_str(), tag.as_str()];
    assert!(objects.len() > 150, "{}", objects.len());
    for (number, hole) in objects.iter().enumerate().step_by(3) {
        let oid = hole.split(' ').next().expect("an oid");
        if tips.contains(&oid) {
            continue;
        }
        let pack = pack(&lab, objects.iter().filter(|object| *object != hole));
        let objects = &lab.take("empty.git", &pack, &UNFSCKED).received().objects.clone();
        assert!(!objects.is_closed(), "without {hole}");
        if number % 16 > 2 {
            continue;
        }
        let mut push = Push::new("").update(ZERO, &main, "refs/heads/main");
        push = push.update(ZERO, &tag, "refs/tags/two");
        push.pack = pack;
        let names = [format!("ours-{number}.git"), format!("gits-{number}.git")];
        for name in &names {
            lab.copy("empty.git", name);
        }
        let ours = lab.engine_receives(&names[0], &push.bytes());
        let gits = lab.git_receives(&names[1], &push.bytes());
        assert_eq!(ours.report, gits.report, "without {hole}");
        assert!(ours.report.contains("ng refs/tags/two missing necessary objects"));
        assert_eq!(lab.all_refs(&names[0]), lab.all_refs(&names[1]));
    }
}

/// A tree that says of a commit that it is a file.
#[test]
fn an_object_of_another_kind_is_a_hole() {
    let lab = Lab::new();
    let mut objects = history(&lab, &[]);
    let commit = lab.git("work.git", &["rev-parse", "main"]);
    let mut content = b"100644 file\0".to_vec();
    for at in (0..commit.len()).step_by(2) {
        content.push(u8::from_str_radix(&commit[at..at + 2], 16).expect("hexadecimal"));
    }
    let args = ["hash-object", "-t", "tree", "-w", "--stdin"];
    let tree = lab.git_with("work.git", &args, &content, &[]);
    assert!(tree.status.success());
    objects.push(String::from_utf8(tree.stdout).expect("an oid").trim_end().to_owned());
    let pack = pack(&lab, objects.iter());
    assert!(!lab.take("empty.git", &pack, &UNFSCKED).received().objects.is_closed());
}

/// Who may push a tag may not make a repository that nobody can list.
#[test]
fn a_long_chain_of_tags_is_refused() {
    let lab = Lab::new();
    history(&lab, &[]);
    let mut tag = lab.git("work.git", &["rev-parse", "main"]);
    let mut kind = "commit";
    for number in 0..110 {
        let content = format!(
            "object {tag}\ntype {kind}\ntag t{number}\ntagger A <a@example.com> 1700000000 +0000\n\n"
        );
        let args = ["hash-object", "-t", "tag", "-w", "--stdin"];
        let made = lab.git_with("work.git", &args, content.as_bytes(), &[]);
        tag = String::from_utf8(made.stdout).expect("an oid").trim_end().to_owned();
        kind = "tag";
    }
    let push = Push::new("").update(ZERO, &tag, "refs/tags/long").pack(&lab, "work.git", &[&tag]);
    let (before, mut output) = (lab.all_refs("empty.git"), Vec::new());
    let refused = serve_raw(&lab.open("empty.git"), &push.bytes(), &mut output);
    assert!(matches!(refused, Err(Error::LimitExceeded("tag_depth"))), "{refused:?}");
    assert_eq!(lab.all_refs("empty.git"), before);
}
