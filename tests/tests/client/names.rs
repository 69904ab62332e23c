//! Names of repositories: nested, long, and with every character that a URL has to escape.

use e2e::cell::Scenario;
use e2e::{Cell, Setup, World, scenario};

pub(crate) const SCENARIOS: &[Scenario] = &[
    scenario!(are_served_at_any_depth_and_in_any_script).once(),
    scenario!(base_path_comes_before_them).once(),
];

/// Names on the disk, and how they are written in a URL.
const NAMES: &[(&str, &str)] = &[
    ("plain.git", "plain.git"),
    ("team/sub/deep/nested.git", "team/sub/deep/nested.git"),
    ("with space.git", "with%20space.git"),
    ("größe/日本語.git", "gr%C3%B6%C3%9Fe/%E6%97%A5%E6%9C%AC%E8%AA%9E.git"),
    ("raw-ünicode.git", "raw-ünicode.git"),
    ("a+b&c=d;e.git", "a+b&c=d;e.git"),
    ("100%.git", "100%25.git"),
    ("question?hash#.git", "question%3Fhash%23.git"),
    ("info/refs/objects.git", "info/refs/objects.git"),
    ("git-upload-pack/HEAD.git", "git-upload-pack/HEAD.git"),
    ("dots..in.git", "dots..in.git"),
    ("%2e%2e.git", "%252e%252e.git"),
    ("~tilde'quote\".git", "~tilde'quote%22.git"),
    ("$(reboot)`x`.git", "%24(reboot)%60x%60.git"),
    ("--upload-pack=x.git", "--upload-pack=x.git"),
];

fn are_served_at_any_depth_and_in_any_script(cell: Cell) {
    let world = World::new(cell);
    let server = world.serve(&Setup::default().allow_push());
    for (n, (name, url)) in NAMES.iter().enumerate() {
        let repository = world.small(name);
        let copy = format!("copy-{n}");
        world.git().run(["clone", "--quiet", &server.url(url), &copy]);
        let new = world.clone_at(&format!("{copy}/.git")).commit("main", "new", name.as_bytes());
        world.within(&copy).run(["push", "--quiet", "origin", "main"]);
        assert_eq!(repository.oid("main"), new, "{name}");
    }
}

fn base_path_comes_before_them(cell: Cell) {
    let world = World::new(cell);
    let repository = world.small("team/app.git");
    let server = world.serve(&Setup::default().base_path("/git"));
    world.git().run(["clone", "--quiet", "--mirror", &server.url("team/app.git"), "copy"]);
    assert_eq!(world.clone_at("copy").refs(), repository.refs());
}
